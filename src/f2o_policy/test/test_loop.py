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
        self.calls, self.ticks = [], 0

    def begin(self):
        self.calls.append("begin")

    def end(self):
        self.calls.append("end")

    def embed_newest(self, timeout_s):
        time.sleep(0.005)
        return 0.002

    def tick(self, now_ros_ns):
        self.ticks += 1
        if self.ticks % 3 == 0:
            return TickResult(TickStatus.STALE_JOINTS)
        return TickResult(TickStatus.OK, SEEN, 0.05, 0.001, TARGET, TARGET)


@pytest.fixture
def loop():
    sent = []
    policy = FakePolicy()
    made = Loop(
        policy,
        PolicyConfig(checkpoint="x", fifo_priority=0),
        time.time_ns,
        lambda tick, result, due: sent.append(due),
    )
    yield SimpleNamespace(loop=made, policy=policy, sent=sent)
    made.stop()


def test_it_sends_what_has_a_target_and_traces_every_tick(loop):
    loop.loop.start()
    deadline = time.monotonic() + 10
    while loop.policy.ticks < 30 and time.monotonic() < deadline:
        time.sleep(0.01)
    loop.loop.stop()
    ok = loop.loop.trace.column("ok")
    assert len(ok) == loop.policy.ticks >= 30
    assert ok.sum() == len(loop.sent)
    np.testing.assert_array_equal(loop.loop.trace.column("now_ros_ns")[ok], loop.sent)
    values = loop.loop.values()
    assert values["embed_ms.p50"] == pytest.approx(2.0)
    assert values["inference_ms.p50"] == pytest.approx(1.0)
    assert (values["fifo"], values["mode"]) == ("False", "")


def test_an_episode_begins_when_the_bridge_follows_the_policy(loop):
    for mode in ("disarmed", "policy", "policy", "hold", "policy"):
        loop.loop.enter(mode)
    assert loop.policy.calls == ["end", "begin", "end", "begin"]
