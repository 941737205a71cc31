"""The bridge as a whole, on a clock that the test turns."""

import numpy as np
import pytest
from checker import violations
from f2o_control.bridge import Bridge
from f2o_control.config import BridgeConfig
from f2o_control.guard import Guard
from f2o_control.state import Mode
from f2o_control.target import GRIPPER, RawTarget, Refusal

TICK_NS, S = 8_000_000, 1_000_000_000
ROS_OFFSET_NS = 77 * S


class Rig:
    """A bridge, an arm that is where it is told to be, and a source that moves joint 1 at 0.2 rad/s."""

    def __init__(self, robot, **config):
        self.bridge = Bridge(robot, BridgeConfig(**config))
        self.home, self.names = np.array(robot.home), robot.joint_names
        self.arm_at, self.mono_ns = self.home.copy(), 5 * S
        self.targets = self.states = True
        self.sent, self.commands, self.source = [], [], "policy"
        self.shift = 0.0

    def target(self, **changes):
        position = self.home.copy()
        position[0] += self.shift
        velocity = np.zeros(8)
        velocity[0] = 0.2
        fields = {
            "names": (*self.names, GRIPPER),
            "positions": [*position, 0.04],
            "velocities": [*velocity],
            "due_ros_ns": self.mono_ns + ROS_OFFSET_NS,
            "source": self.source,
        }
        return self.bridge.offer_target(
            RawTarget(**fields | changes), self.mono_ns + ROS_OFFSET_NS, self.mono_ns
        )

    def tick(self):
        self.mono_ns += TICK_NS
        if self.states:
            self.bridge.offer_joints(self.arm_at, self.mono_ns)
        if self.targets:
            self.shift += 0.2 * 0.008
            self.target()
        sent = self.bridge.tick(self.mono_ns + TICK_NS + ROS_OFFSET_NS, self.mono_ns)
        self.sent.append(sent)
        if sent is not None:
            self.arm_at = sent.command.state.position
            self.commands.append(self.arm_at)
        return sent

    def run(self, seconds):
        for _ in range(round(seconds / 0.008)):
            self.tick()

    def arm(self, publishers=1):
        return self.bridge.arm(publishers, self.mono_ns)

    @property
    def speed(self):
        return abs(self.bridge._limiter.state.velocity[0])


@pytest.fixture
def rig(panda):
    return Rig(panda)


@pytest.fixture
def armed(rig):
    rig.run(0.1)
    assert rig.arm().accepted
    rig.run(1.0)
    assert rig.bridge.mode is Mode.POLICY
    return rig


def test_nothing_is_sent_before_arming(rig):
    rig.run(1.0)
    assert rig.commands == []


def test_arming_without_joint_states_is_refused(rig):
    rig.states = False
    rig.run(0.1)
    answer = rig.arm()
    assert not answer.accepted
    assert answer.text == (
        "not armed: no joint states with panda_joint1, panda_joint2, panda_joint3, panda_joint4, panda_joint5, "
        "panda_joint6, panda_joint7 on /franka/joint_states yet"
    )


def test_arming_with_old_joint_states_is_refused(rig):
    rig.run(0.1)
    rig.states = False
    rig.run(0.8)
    assert rig.arm().text == (
        "not armed: the last joint states on /franka/joint_states came 0.8 s ago (limit 0.2 s)"
    )


def test_arming_with_two_sources_is_refused(rig):
    rig.run(0.1)
    assert rig.arm(publishers=2).text == "not armed: 2 publishers on /f2o/joint_target, at most 1 expected"


def test_arming_twice_is_refused(armed):
    assert armed.arm().text == "not armed: already armed (policy)"


def test_first_the_controller_is_told_to_stay_and_given_time(rig):
    rig.run(0.1)
    rig.sent.clear()
    rig.arm()
    rig.run(0.16)
    first, *rest = rig.sent
    assert np.array_equal(first.command.state.position, rig.home)
    assert first.command.duration_s == 0.2
    assert not any(rest)


def test_armed_it_follows(armed):
    wanted = armed.home[0] + armed.shift + 0.2 * 0.008
    assert armed.arm_at[0] == pytest.approx(wanted, abs=1e-4)
    assert armed.sent[-1].source == "policy"
    assert violations(armed.commands) == []


def test_the_gripper_hears_once(armed):
    assert [s.gripper_goal for s in armed.sent if s is not None and s.gripper_goal is not None] == [0.04]
    assert armed.sent[-1].gripper_width == 0.04


def test_it_starts_at_the_last_command_while_the_arm_still_stands_there(armed, panda):
    armed.bridge.disarm()
    armed.run(0.5)
    last = armed.arm_at
    armed.arm_at = last + 0.01  # the servo sags
    armed.tick()
    armed.arm()
    assert np.array_equal(armed.tick().command.state.position, last)
    armed.bridge.disarm()
    armed.tick()
    armed.arm_at = armed.home  # somebody moved it
    armed.tick()
    armed.arm()
    assert np.array_equal(armed.tick().command.state.position, armed.home)


def test_silence_of_the_source_ends_in_hold(armed):
    armed.targets = False
    last_target_ns = armed.mono_ns
    while armed.bridge.mode is Mode.POLICY:
        armed.tick()
    assert 0.1 < (armed.mono_ns - last_target_ns) / S <= 0.1 + 2 * 0.008
    assert armed.bridge.mode is Mode.HOLD
    assert armed.bridge.machine.reason.startswith("no target for 0.1")
    armed.run(0.35)
    assert armed.bridge.at_rest and armed.sent[-1].source == "hold"
    assert violations(armed.commands) == []


def test_targets_that_come_back_soon_are_followed_again_smoothly(armed):
    armed.targets = False
    armed.run(0.5)
    assert armed.bridge.mode is Mode.HOLD
    armed.targets = True
    armed.run(1.0)
    assert armed.bridge.mode is Mode.POLICY
    assert armed.arm_at[0] == pytest.approx(armed.home[0] + armed.shift, abs=1e-2)
    assert violations(armed.commands) == []


def test_targets_that_come_back_late_need_arming(armed):
    armed.targets = False
    armed.run(2.0)
    armed.targets = True
    armed.run(0.5)
    assert armed.bridge.mode is Mode.HOLD
    assert armed.arm().accepted
    armed.run(0.5)
    assert armed.bridge.mode is Mode.POLICY
    assert violations(armed.commands) == []


def test_no_first_target_within_a_second_ends_in_hold(rig):
    rig.targets = False
    rig.run(0.1)
    rig.arm()
    rig.run(0.9)
    assert rig.bridge.mode is Mode.POLICY
    rig.run(0.2)
    assert rig.bridge.mode is Mode.HOLD
    assert rig.bridge.machine.reason.startswith("no first target after arming for 1.0")


def test_silence_of_the_joint_states_ends_in_fault_and_quiet(armed):
    armed.states = False
    armed.run(0.21)
    assert armed.bridge.mode is Mode.FAULT
    assert armed.bridge.machine.reason.startswith("no joint states for 0.2")
    armed.run(0.5)
    assert armed.bridge.at_rest and armed.sent[-1] is None
    assert violations(armed.commands) == []
    armed.states = True
    armed.run(0.1)
    assert armed.arm().text == (
        f"not armed: in fault ({armed.bridge.machine.reason}); disarm first, then arm again"
    )
    assert armed.bridge.disarm().accepted and armed.arm().accepted


def test_joint_states_that_are_not_finite_do_not_count(armed):
    armed.arm_at = armed.arm_at * np.nan
    for _ in range(27):
        armed.mono_ns += TICK_NS
        armed.bridge.offer_joints(armed.arm_at, armed.mono_ns)
        armed.bridge.tick(armed.mono_ns + ROS_OFFSET_NS, armed.mono_ns)
    assert armed.bridge.mode is Mode.FAULT


def test_disarm_brakes_then_says_nothing(armed):
    assert armed.speed > 0.1
    armed.bridge.disarm()
    assert armed.arm().text == "not armed: still braking; try again in a second"
    armed.run(0.5)
    assert armed.bridge.mode is Mode.DISARMED and armed.sent[-1] is None
    assert violations(armed.commands) == []


def test_bad_targets_are_counted_and_move_nothing(armed):
    armed.targets = False
    armed.tick()
    for changes in (
        {"positions": [np.nan] * 8},
        {"due_ros_ns": 5},
        {"source": "teleop"},
        {"names": ("a",) * 8},
    ):
        assert not armed.target(**changes)
    refused = armed.bridge.check.refused
    assert [
        refused[r] for r in (Refusal.NOT_FINITE, Refusal.STALE, Refusal.SOURCE, Refusal.NAMES_REPEATED)
    ] == [1] * 4
    armed.run(0.12)
    assert armed.bridge.mode is Mode.HOLD  # a flood of bad targets is no life sign


def test_a_clock_set_back_holds_and_arming_recovers(armed):
    global ROS_OFFSET_NS
    try:
        ROS_OFFSET_NS -= 5 * S
        armed.run(0.3)
        assert armed.bridge.mode is Mode.HOLD
        assert armed.bridge.check.refused[Refusal.REVERSED] > 10
        assert armed.arm().accepted
        armed.run(0.5)
        assert armed.bridge.mode is Mode.POLICY
    finally:
        ROS_OFFSET_NS += 5 * S
    assert violations(armed.commands) == []


def test_a_tick_that_raises_ends_in_fault_and_brakes(armed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Guard, "judge", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            armed.tick()
    speed = armed.speed
    sent = armed.bridge.fail("ZeroDivisionError: division by zero")
    armed.commands.append(sent.command.state.position)
    assert armed.bridge.mode is Mode.FAULT and armed.speed < speed
    armed.run(0.5)
    assert armed.bridge.at_rest
    assert violations(armed.commands) == []


def test_teleop_follows_the_expert(panda):
    rig = Rig(panda, source="teleop")
    rig.source = "expert"
    rig.run(0.1)
    assert rig.arm().text == "armed: teleop"
    rig.run(1.0)
    assert rig.bridge.mode is Mode.TELEOP and rig.sent[-1].source == "expert"
