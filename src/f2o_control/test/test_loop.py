"""The loop's thread: what it does when something raises, and how it ends."""

import threading

import numpy as np
import pytest
from f2o_control.bridge import Bridge
from f2o_control.config import BridgeConfig
from f2o_control.loop import Loop
from f2o_control.report import diagnose
from f2o_control.state import Mode
from f2o_nodekit.pace import Tick


class Board:
    """Where a loop puts what it says."""

    def __init__(self):
        self.sent, self.modes, self.broken = [], [], False
        self.said = threading.Event()

    def publish(self, sent):
        if self.broken:
            raise RuntimeError("no such publisher")
        self.sent.append(sent)

    def say(self, mode):
        self.modes.append(mode)
        self.said.set()


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def bridge(panda):
    bridge = Bridge(panda, BridgeConfig())
    bridge.offer_joints(np.array(panda.home), 0)
    return bridge


def make(bridge, board):
    return Loop(bridge, 125.0, 0.0, 0, lambda: 0, board.publish, board.say)


def test_whatever_raises_ends_in_fault_within_the_turn(bridge, board):
    loop = make(bridge, board)
    bridge.arm(1, 0)
    board.broken = True
    loop.step(Tick(1, 8_000_000, 0, 0))
    assert bridge.mode is Mode.FAULT
    assert bridge.machine.reason == "RuntimeError: no such publisher"
    assert loop.failures == 1
    board.broken = False
    loop.step(Tick(2, 16_000_000, 0, 0))
    assert board.modes == ["fault"]
    level, text, values = diagnose(bridge, loop, 16_000_000)
    assert (level, text) == (2, "fault: RuntimeError: no such publisher")
    assert values["failures"] == 1


def test_the_loop_keeps_its_rate_and_ends_when_asked(bridge, board):
    loop = make(bridge, board)
    loop.start()
    assert board.said.wait(2.0)
    loop.stop()
    assert not loop._thread.is_alive()
    assert board.modes == ["disarmed"]


def test_the_diagnosis_has_every_count(bridge, board):
    level, text, values = diagnose(bridge, make(bridge, board), 0)
    assert (level, text) == (0, "disarmed: started")
    for key in (
        "mode",
        "reason",
        "period_ms.p50",
        "period_ms.p99",
        "period_ms.max",
        "work_ms.p99",
        "target_age_ms",
        "joint_states_age_ms",
        "missed_ticks",
        "failures",
        "refused.not_finite",
        "refused.stale",
        "limited.position",
        "limited.guarded",
    ):
        assert key in values
