"""The threads of a running policy, on real time with a fake policy."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.loop import Loop
from f2o_policy.runtime.policy import Embedded, TickResult, TickStatus

TARGET = np.zeros(8)
SEEN = Embedded(1, np.zeros(1), 2, 3)


class FakePolicy:
    """Notes what it is asked; every third tick it has no target."""

    mode_switches = 1

    def __init__(self):
        self.calls, self.ticks, self.broken = [], 0, False

    def set_mode(self, mode):
        self.calls.append(mode)

    def embed_newest(self, timeout_s):
        time.sleep(0.005)
        if self.broken:
            raise RuntimeError("no such kernel")
        return 0.002

    def tick(self, now_ros_ns):
        self.ticks += 1
        if self.broken:
            raise RuntimeError("out of memory")
        if self.ticks % 3 == 0:
            return TickResult(TickStatus.STALE_JOINTS)
        return TickResult(TickStatus.OK, SEEN, 0.05, 0.001, TARGET, TARGET)


@pytest.fixture
def loop():
    sent, told = [], []
    policy = FakePolicy()
    made = Loop(
        policy,
        PolicyConfig(checkpoint="x", fifo_priority=0, trace="t.npz"),
        time.time_ns,
        lambda result, due: sent.append(due),
        lambda tick, result, due: told.append(due),
    )
    yield SimpleNamespace(loop=made, policy=policy, sent=sent, told=told)
    made.stop()


def run_to(loop, ticks):
    deadline = time.monotonic() + 10
    while loop.policy.ticks < ticks and time.monotonic() < deadline:
        time.sleep(0.01)
    assert loop.policy.ticks >= ticks


def test_a_turn_that_fails_sends_nothing_says_why_and_the_next_one_comes(loop):
    loop.policy.broken = True
    loop.loop.start()
    run_to(loop, 20)
    assert loop.loop.status is TickStatus.FAILED
    assert loop.loop.fault in ("RuntimeError: out of memory", "RuntimeError: no such kernel")
    assert loop.loop.values()["faults"] >= 20
    assert not loop.sent
    loop.policy.broken = False
    run_to(loop, loop.policy.ticks + 10)
    assert loop.sent
    assert loop.told


def test_it_sends_what_has_a_target_and_traces_every_tick(loop):
    loop.loop.start()
    run_to(loop, 30)
    loop.loop.stop()
    rows = loop.loop.trace.columns()
    ok = rows["ok"]
    assert len(ok) == loop.policy.ticks >= 30
    assert ok.sum() == len(loop.sent)
    np.testing.assert_array_equal(rows["now_ros_ns"][ok], loop.sent)
    values = loop.loop.values()
    assert values["embed_ms.p50"] == pytest.approx(2.0)
    assert values["inference_ms.p50"] == pytest.approx(1.0)
    assert (values["fifo"], values["mode"]) == ("False", "")


def test_the_policy_is_told_the_bridges_mode(loop):
    modes = ["disarmed", "policy", "hold"]
    for mode in modes:
        loop.loop.set_mode(mode)
    assert (loop.policy.calls, loop.loop.mode) == (modes, "hold")
