"""The hold-to-run switch, on a clock that the test turns."""

import numpy as np
import pytest
from f2o_control.enable import EnableRules, EnableSwitch
from f2o_control.state import Mode
from f2o_control.target import RawTarget
from f2o_control.testing import violations
from f2o_control.testing.rig import ROS_OFFSET_NS, TICK_NS, Rig, S

MS = 1_000_000
STOP_S = 0.35  # longest stop of the arm, test_limits.py
RELEASED, SILENT = (
    "the enable switch is released (/f2o/enable)",
    "nothing heard of the enable switch on /f2o/enable",
)


class Switched(Rig):
    """The rig with a switch that speaks at 50 Hz."""

    def __init__(self, robot, **config):
        super().__init__(robot, enable=EnableRules(required=True), **config)
        self.held, self.speaks, self.takeover, self.still = True, True, False, False

    def tick(self):
        if self.speaks and self.mono_ns % (20 * MS) < TICK_NS:
            self.bridge.enable.offer(self.held, self.mono_ns + TICK_NS)
        self.shift -= 0.2 * 0.008 if self.still else 0.0  # a source that waits
        if self.takeover:
            fields = {"names": self.names, "positions": [*self.arm_at], "velocities": [0.0] * 7}
            now = self.mono_ns + TICK_NS
            raw = RawTarget(**fields, gripper_width=0.04, due_ros_ns=now + ROS_OFFSET_NS, source="teleop", sequence=0,
                            observation_ros_ns=0)  # fmt: skip
            self.bridge.offer_target(raw, now + ROS_OFFSET_NS, now, Mode.TELEOP)
        return super().tick()

    def until_rest(self):
        """Seconds until no command moves any more."""
        began = self.mono_ns
        while not self.bridge.at_rest:
            self.tick()
            assert self.mono_ns - began < S
        return (self.mono_ns - began) / S


@pytest.fixture
def switched(panda):
    rig = Switched(panda)
    rig.run(0.1)
    assert rig.arm().accepted
    rig.run(1.0)
    assert rig.bridge.mode is Mode.POLICY and rig.speed > 0.15
    return rig


def test_released_the_arm_brakes_at_once_and_the_reason_names_the_switch(switched):
    switched.bridge.enable.offer(False, switched.mono_ns)
    switched.held = False
    speed = switched.speed
    switched.tick()
    assert switched.bridge.mode is Mode.HOLD and switched.bridge.machine.reason == RELEASED
    assert switched.speed < speed
    assert switched.until_rest() <= STOP_S
    assert violations(switched.commands) == []


def test_unheard_of_it_stops_within_100_ms_and_its_stop(switched):
    switched.run(0.02)
    switched.speaks = False
    switched.bridge.enable.offer(True, switched.mono_ns)
    last = switched.mono_ns
    while switched.bridge.mode is Mode.POLICY:
        switched.tick()
    assert 0.1 < (switched.mono_ns - last) / S <= 0.1 + 0.008
    assert switched.bridge.machine.reason.startswith(SILENT + " for 0.1")
    switched.until_rest()
    assert (switched.mono_ns - last) / S <= 0.108 + STOP_S
    assert violations(switched.commands) == []


@pytest.mark.parametrize("gap_s", [0.05, 0.5, 3.0])
def test_pressed_again_it_moves_only_after_arming(switched, gap_s):
    """However short the release was: within resume_s, targets that were missing would be followed again."""
    switched.held, switched.still = False, True
    switched.run(gap_s)
    switched.held = True
    switched.run(STOP_S)
    stands = switched.arm_at.copy()
    switched.run(1.0)
    assert switched.bridge.mode is Mode.HOLD and np.array_equal(switched.arm_at, stands)
    assert switched.bridge.machine.reason == RELEASED
    switched.still = False
    assert switched.arm().accepted
    switched.run(0.5)
    assert switched.bridge.mode is Mode.POLICY and switched.arm_at[0] > stands[0]


def test_released_during_another_hold_it_does_not_resume_either(switched):
    switched.targets = False
    switched.run(0.2)
    assert switched.bridge.machine.reason.startswith("no target for")
    switched.held = False
    switched.run(0.05)
    assert switched.bridge.machine.reason == RELEASED
    switched.held = switched.targets = True
    switched.run(0.5)
    assert switched.bridge.mode is Mode.HOLD


def test_held_all_the_time_targets_that_come_back_are_followed(switched):
    switched.targets = False
    switched.run(0.3)
    switched.targets = True
    switched.run(0.3)
    assert switched.bridge.mode is Mode.POLICY


def test_nothing_begins_without_it(panda):
    rig = Switched(panda)
    rig.speaks = False
    rig.run(0.1)
    assert rig.arm().text == f"not armed: {SILENT} yet"
    assert rig.bridge.home(rig.mono_ns).text == f"not homing: {SILENT} yet"
    rig.speaks, rig.held = True, False
    rig.run(0.1)
    assert rig.arm().text == f"not armed: {RELEASED}"
    assert rig.bridge.unready(rig.mono_ns) == RELEASED
    rig.held = True
    rig.run(0.1)
    assert rig.arm().accepted


def test_a_takeover_needs_it_and_is_an_act_that_goes_on(switched):
    switched.takeover, switched.held = True, False
    switched.run(0.5)
    assert switched.bridge.take_over(switched.mono_ns).text == f"not taken over: {RELEASED}"
    switched.held = True
    switched.run(0.1)
    assert switched.bridge.take_over(switched.mono_ns).accepted
    switched.run(0.3)
    assert switched.bridge.mode is Mode.TELEOP
    switched.held = False
    switched.run(0.1)
    assert switched.bridge.mode is Mode.HOLD


def test_on_the_way_home_it_disarms(panda):
    rig = Switched(panda)
    rig.targets, rig.arm_at = False, rig.home + 0.3
    rig.run(0.5)
    assert rig.bridge.home(rig.mono_ns).accepted
    rig.run(1.0)
    assert rig.bridge.mode is Mode.HOMING and not rig.bridge.at_rest
    rig.held = False
    rig.run(0.05)
    assert rig.bridge.mode is Mode.DISARMED and rig.bridge.machine.reason == RELEASED
    assert rig.until_rest() <= STOP_S
    rig.held = True
    rig.run(0.5)
    assert rig.bridge.mode is Mode.DISARMED


def test_where_none_is_required_none_is_asked_for():
    switch = EnableSwitch(EnableRules(), "f2o/enable")
    switch.offer(False, 0)
    assert switch.problem(10 * S) == "" and switch.state(10 * S) == "not required"


def test_its_state_is_told():
    switch = EnableSwitch(EnableRules(required=True, timeout_s=0.2), "/f2o/enable")
    switch.offer(True, 0)
    assert switch.state(200 * MS) == "held"
    assert switch.state(201 * MS) == f"{SILENT} for 0.201 s (limit 0.2 s)"
    switch.offer(False, 300 * MS)
    assert switch.state(300 * MS) == RELEASED
