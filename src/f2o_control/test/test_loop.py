"""The loop's thread: what it does when something raises, and how it ends."""

import threading

import numpy as np
import pytest
from f2o_control.bridge import Bridge
from f2o_control.config import BridgeConfig
from f2o_control.loop import Loop
from f2o_control.report import Contacts, diagnose
from f2o_control.state import Mode
from f2o_control.target import RawTarget
from f2o_nodekit.pace import Tick


class Board:
    """Where a loop puts what it says."""

    def __init__(self):
        self.sent, self.modes, self.broken = [], [], False
        self.while_sending = lambda: None
        self.said = threading.Event()

    def publish(self, sent, in_time):
        if self.broken:
            raise RuntimeError("no such publisher")
        if in_time():
            self.sent.append(sent)
            self.while_sending()
            return True
        return False

    def say(self, mode):
        self.modes.append(mode)
        self.said.set()


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def bridge(panda):
    bridge = Bridge(panda, BridgeConfig())
    bridge.offer_joints(np.array(panda.home), 1)  # the clock of a bridge that has sent nothing stands at 0
    return bridge


def make(bridge, board):
    return Loop(bridge, 125.0, 0.0, 0, lambda: 0, board.publish, board.say)


def test_whatever_raises_ends_in_fault_within_the_turn(bridge, board):
    loop = make(bridge, board)
    bridge.arm(0)
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


def test_what_comes_and_is_of_no_use_is_an_error(bridge, board, panda):
    loop = make(bridge, board)
    raw = RawTarget(panda.joint_names, list(panda.home), (), 0.04, 0, "policy")
    for k in range(125):
        bridge.offer_target(raw, 2_000_000_000, k * 8_000_000)
    level, text, _ = diagnose(bridge, loop, 1_000_000_000)
    assert level == 2
    assert text.startswith(
        "disarmed: started; targets come on /f2o/joint_target and are refused, 125 since the"
    )
    assert ": due 2.000 s ago, expected at most" in text
    why = "/franka/joint_states: no position for panda_joint1, only for fr3_joint1"
    bridge.unread_joints = why
    assert diagnose(bridge, loop, 3_000_000_000)[:2] == (2, f"disarmed: started; {why}")
    assert bridge.arm(3_000_000_000).text == f"not armed: {why}"
    bridge.offer_joints(np.array(panda.home), 3_000_000_000)  # another publisher's can be read
    assert diagnose(bridge, loop, 3_000_000_000)[:2] == (0, "disarmed: started")
    told = diagnose(bridge, loop, 3_000_000_000, unread="/gripper: got 0 and 0")
    assert told[:2] == (1, "disarmed: started; /gripper: got 0 and 0")


def test_contacts_of_the_arm_are_told_once_and_are_no_problem(bridge, board):
    contacts = Contacts()
    for seen in (("z", "joint 2"), (), ("joint 2",)):
        contacts.add(seen)
    told = diagnose(bridge, make(bridge, board), 0, contact=contacts.take())
    assert told[:2] == (0, "disarmed: started; contact: joint 2, z")
    assert told[2]["contact"] == "joint 2, z" and contacts.take() == ""


def test_what_forbids_arming_is_told_before_anybody_arms(bridge, board, panda):
    fresh = Bridge(panda, BridgeConfig())
    level, text, _ = diagnose(fresh, make(fresh, board), 0)
    assert (level, text[:60]) == (1, "disarmed: started; cannot be armed: no joint states with pan")


def test_a_loop_that_hangs_is_an_error(bridge, board):
    loop = make(bridge, board)
    loop._count(Tick(1, 8_000_000, 0, 0))
    level, text, _ = diagnose(bridge, loop, 2_008_000_000)
    assert (level, text) == (2, "disarmed: started; the loop has not ticked for 2.0 s")


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
        "overran_ticks",
        "failures",
        "refused.not_finite",
        "refused.stale",
        "limited.position",
        "limited.guarded",
    ):
        assert key in values


class Slow(Bridge):
    """A bridge in motion whose ticks take 9 ms on the clock of the loop, where ``slow`` says so."""

    def __init__(self, robot, clock):
        super().__init__(robot, BridgeConfig(), follows_stop=True)
        self.slow, self._clock = False, clock

    def tick(self, *times):
        sent = super().tick(*times)
        self._clock[0] += 9_000_000 if self.slow else 100_000
        return sent


def test_a_tick_that_takes_too_long_sends_nothing_and_the_next_goes_on_from_the_stop(
    panda, board, monkeypatch
):
    clock = [5_000_000_000]
    monkeypatch.setattr("time.monotonic_ns", lambda: clock[0])
    bridge = Slow(panda, clock)
    loop = Loop(bridge, 125.0, 0.0, 0, lambda: clock[0], board.publish, board.say)
    bridge.offer_gripper(0.08)

    def run(ticks, width=0.08):
        for _ in range(ticks):
            ideal = clock[0] = -(-clock[0] // 8_000_000) * 8_000_000
            bridge.offer_joints(
                board.sent[-1].command.state.position if board.sent else np.array(panda.home), ideal
            )
            q = np.array(panda.home)
            q[0] += 0.3 * (1 - np.cos(max(ideal / 1e9 - 5.5, 0.0)))
            bridge.offer_target(
                RawTarget(panda.joint_names, q.tolist(), (), width, ideal, "policy"), ideal, ideal
            )
            loop.step(Tick(0, ideal, 0, 0))

    run(12)
    assert bridge.arm(clock[0]).accepted
    run(150)
    sent, moving = len(board.sent), board.sent[-1].command
    assert abs(moving.state.velocity[0]) > 0.05 and bridge.overran == 0
    bridge.slow = True
    run(1, width=0.01)  # the gripper is to close in the tick that is not sent
    assert (len(board.sent), bridge.overran) == (sent, 1)
    assert diagnose(bridge, loop, clock[0])[2]["overran_ticks"] == 1
    bridge.slow = False
    run(1, width=0.01)
    following = board.sent[-1]
    assert following.gripper_goal == 0.01
    passed_s = (following.command.due_mono_ns - moving.due_mono_ns) / 1e9 - 0.008
    assert passed_s > 0.007
    np.testing.assert_allclose(following.command.start.position, moving.stop.at(passed_s).position, atol=1e-9)


def test_what_an_operator_begins_meanwhile_is_not_taken_back(panda):
    """The last step of braking is computed, its thread loses the core; measured at rest, the arm is armed anew."""
    bridge, ms = Bridge(panda, BridgeConfig(), follows_stop=True), 1_000_000
    bridge.offer_gripper(0.08)
    at, now = np.array(panda.home), 5_000 * ms

    def tick():
        nonlocal now, at
        now += 8 * ms
        bridge.offer_joints(at, now)
        q = np.array(panda.home)
        q[0] += 0.3 * (1 - np.cos(max(now / 1e9 - 5.5, 0.0)))
        bridge.offer_target(RawTarget(panda.joint_names, q.tolist(), (), 0.08, now, "policy"), now, now)
        sent = bridge.tick(now + 8 * ms, now)
        at = at if sent is None else sent.command.state.position
        return sent

    for _ in range(12):
        tick()
    assert bridge.arm(now).accepted
    for _ in range(150):
        tick()
    bridge.disarm()
    while not bridge.at_rest:
        last = tick()
    for later in range(20, 320, 8):
        bridge.offer_joints(at + 0.02, now + later * ms)  # it came to rest elsewhere
    assert bridge.arm(now + 320 * ms).accepted
    assert not bridge.in_time(last, now + 321 * ms)
    np.testing.assert_array_equal(bridge._limiter.state.position, at + 0.02)
