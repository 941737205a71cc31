"""The bridge as a whole, on a clock that the test turns."""

import re
from dataclasses import replace

import numpy as np
import pytest
from f2o_control.guard import Guard
from f2o_control.state import Event, Mode
from f2o_control.target import RawTarget, Refusal
from f2o_control.testing import violations
from f2o_control.testing.rig import ROS_OFFSET_NS, TICK_NS, Rig, S


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
    assert (
        rig.arm(["/b", "/a"]).text
        == "not armed: 2 publishers on /f2o/joint_target, at most 1 expected: /a, /b"
    )


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
    armed.arm_at = last + 0.005  # the servo sags
    armed.tick()
    armed.arm()
    assert np.array_equal(armed.tick().command.state.position, last)
    armed.bridge.disarm()
    armed.tick()
    armed.arm_at, armed.shift = armed.home, 0.0  # somebody moved it, and the source has seen that
    armed.run(0.6)
    armed.arm_at, armed.shift = armed.home, 0.0
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
        {"positions": [np.nan] * 7},
        {"due_ros_ns": 5},
        {"source": "teleop"},
        {"names": ("a",) * 7},
    ):
        assert not armed.target(**changes)
    refused = armed.bridge.sources[Mode.POLICY].check.refused
    assert [
        refused[r] for r in (Refusal.NOT_FINITE, Refusal.STALE, Refusal.SOURCE, Refusal.NAMES_REPEATED)
    ] == [1] * 4
    armed.run(0.12)
    assert armed.bridge.mode is Mode.HOLD  # a flood of bad targets is no life sign


def test_a_clock_set_back_holds_and_arming_recovers(armed):
    armed.ros_offset_ns -= 5 * S
    armed.run(0.6)
    assert armed.bridge.mode is Mode.HOLD
    assert armed.bridge.sources[Mode.POLICY].check.refused[Refusal.REVERSED] > 10
    assert armed.arm().accepted
    armed.run(0.5)
    assert armed.bridge.mode is Mode.POLICY
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


HAND = "panda_joint1"


class TwoHands(Rig):
    """As Rig, and a person whose targets stand where ``hand`` is, beside the policy's."""

    def __init__(self, robot, **config):
        super().__init__(robot, **config)
        self.hand = None

    def tick(self):
        if self.hand is not None:
            due_ros_ns = self.mono_ns + TICK_NS + ROS_OFFSET_NS
            raw = RawTarget(self.names, [*self.hand], [], 0.02, due_ros_ns, "teleop")
            self.bridge.offer_target(raw, due_ros_ns, self.mono_ns + TICK_NS, Mode.TELEOP)
        return super().tick()


@pytest.fixture
def shared(panda):
    rig = TwoHands(panda)
    rig.run(0.1)
    assert rig.arm().accepted
    rig.run(1.0)
    return rig


def test_a_person_takes_the_moving_arm_and_gives_it_back_without_a_step(shared, panda):
    shared.hand = shared.arm_at.copy()
    shared.run(0.05)
    begun = len(shared.commands)
    assert shared.bridge.take_over(shared.mono_ns).text == "taken over"
    assert shared.bridge.mode is Mode.TELEOP
    shared.run(1.0)
    assert shared.sent[-1].source == "teleop"
    np.testing.assert_allclose(shared.arm_at, shared.hand, atol=1e-3)
    shared.shift = shared.arm_at[0] - shared.home[0]  # the policy starts from where the arm is
    shared.run(0.02)
    assert shared.bridge.give_back(shared.mono_ns).text == "given back"
    shared.run(0.5)
    assert (shared.bridge.mode, shared.sent[-1].source) == (Mode.POLICY, "policy")
    assert violations(np.array(shared.commands[begun - 20 :]), moving=True) == []


def test_a_takeover_needs_fresh_targets_near_the_arm(shared):
    answer = shared.bridge.take_over(shared.mono_ns)
    assert answer.text == "not taken over: no fresh target on /f2o/takeover_target"
    shared.hand = shared.arm_at + 0.5
    shared.run(0.05)
    text = shared.bridge.take_over(shared.mono_ns).text
    assert text.startswith("not taken over: the target of panda_joint")
    assert text.endswith("(limit 0.3 rad)")
    assert shared.bridge.mode is Mode.POLICY


def test_a_policy_that_died_is_not_given_the_arm_and_a_person_rescues_it(shared):
    shared.targets = False
    shared.hand = shared.arm_at.copy()
    shared.run(0.3)
    assert shared.bridge.mode is Mode.HOLD
    shared.hand = shared.arm_at.copy()
    shared.run(0.02)
    assert shared.bridge.take_over(shared.mono_ns).accepted
    shared.run(0.3)
    assert (
        shared.bridge.give_back(shared.mono_ns).text == "not given back: no fresh target on /f2o/joint_target"
    )
    assert shared.bridge.mode is Mode.TELEOP


def test_only_a_policy_can_be_taken_over(panda):
    rig = Rig(panda, source="teleop")
    assert rig.bridge.take_over(rig.mono_ns).text == "not taken over: only a policy can be, armed is teleop"
    assert rig.bridge.give_back(rig.mono_ns).text.startswith("not given back: the bridge is disarmed")


def test_it_goes_home_slowly_and_is_disarmed_there(rig, panda):
    rig.targets = False
    rig.arm_at = rig.home + 0.4
    rig.run(0.1)
    answer = rig.bridge.home(rig.mono_ns)
    assert answer.text == "homing, 2.5 s"
    assert rig.arm().text == "not armed: already armed (homing)"
    rig.run(4.0)
    assert (rig.bridge.mode, rig.bridge.machine.reason) == (Mode.DISARMED, "at home")
    np.testing.assert_allclose(rig.arm_at, rig.home, atol=1e-4)
    speeds = np.abs(np.diff(rig.commands, axis=0)).max() / 0.008
    assert 0.2 < speeds < 0.31
    assert violations(np.array(rig.commands)) == []


def test_disarming_ends_homing(rig):
    rig.targets = False
    rig.arm_at = rig.home + 0.4
    rig.run(0.1)
    rig.bridge.home(rig.mono_ns)
    rig.run(1.0)
    rig.bridge.disarm()
    rig.run(0.5)
    assert rig.sent[-1] is None
    assert np.abs(rig.arm_at - rig.home).max() > 0.1


def test_arming_far_from_where_the_source_wants_the_arm_is_refused(rig):
    rig.shift = 0.6
    rig.run(0.1)
    assert rig.arm().text.startswith("not armed: the target of panda_joint1 on /f2o/joint_target is 0.6")


def test_a_first_target_far_from_the_arm_is_a_fault(rig):
    rig.targets = False
    rig.run(0.1)
    assert rig.arm().accepted
    rig.shift, rig.targets = 0.6, True
    rig.run(0.1)
    assert rig.bridge.mode is Mode.FAULT
    assert rig.bridge.machine.reason.startswith("first target: the target of panda_joint1")


def test_a_second_publisher_while_the_arm_moves_is_a_fault(armed):
    armed.bridge.count_publishers({"/f2o/joint_target": ["/a"], "/f2o/takeover_target": ["/b"]})
    assert armed.bridge.mode is Mode.POLICY
    armed.bridge.count_publishers({"/f2o/joint_target": ["/a", "/b"], "/f2o/takeover_target": []})
    assert armed.bridge.mode is Mode.FAULT
    assert armed.bridge.machine.reason == "2 publishers on /f2o/joint_target, at most 1 expected: /a, /b"


def test_the_name_of_a_second_publisher_is_told_as_soon_as_it_is_known(armed):
    armed.publish("/f2o/joint_target", ["/a", "/a node whose name is not known yet"])
    armed.publish("/f2o/joint_target", ["/a", "/b"])
    told = "2 publishers on /f2o/joint_target, at most 1 expected: /a, /b"
    assert (armed.bridge.mode, armed.bridge.machine.reason) == (Mode.FAULT, told)
    armed.publish("/f2o/joint_target", [])  # it left; why the arm stopped stays
    assert armed.bridge.machine.reason == told


def test_a_second_publisher_does_not_hide_another_fault(armed):
    armed.bridge.machine.fire(Event.FAILURE, "reflex: cartesian_reflex")
    armed.publish("/f2o/joint_target", ["/a", "/b"])
    assert armed.bridge.machine.reason == "reflex: cartesian_reflex"


def test_a_second_publisher_counts_on_hold_too(armed):
    armed.targets = False
    armed.run(0.3)
    assert armed.bridge.mode is Mode.HOLD
    armed.publish("/f2o/joint_target", ["/a", "/b"])
    assert armed.bridge.mode is Mode.FAULT


def test_targets_that_come_back_far_from_the_arm_are_not_followed(armed):
    armed.targets = False
    armed.run(0.3)
    stood = armed.arm_at.copy()
    armed.shift, armed.targets = armed.shift + 0.6, True
    armed.run(0.3)
    assert armed.bridge.mode is Mode.HOLD
    np.testing.assert_array_equal(armed.arm_at, stood)


def test_arming_forgets_the_clock_of_the_hand_too(shared):
    shared.hand = shared.arm_at.copy()
    shared.run(0.05)
    shared.bridge.disarm()
    shared.run(0.6)
    assert shared.arm().accepted
    earlier_ns = shared.mono_ns + ROS_OFFSET_NS - 60 * S
    raw = RawTarget(shared.names, [*shared.hand], [], 0.02, earlier_ns, "teleop")
    assert shared.bridge.offer_target(raw, earlier_ns, shared.mono_ns, Mode.TELEOP)


def test_a_home_outside_the_workspace_is_refused_and_an_arm_stopped_on_the_way_is_not_at_home(panda):
    low = replace(panda, workspace=replace(panda.workspace, upper=(2.0, 2.0, 0.4)))
    rig = Rig(low)
    rig.targets = False
    rig.run(0.1)
    assert rig.bridge.home(rig.mono_ns).text == "homing, 0.5 s"  # it stands there: no deeper than it is
    rig.run(2.0)
    rig.arm_at = rig.home + np.array([0.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0])
    rig.run(0.6)
    expected = "not homing: home of panda lies outside its workspace"
    assert rig.bridge.home(rig.mono_ns).text == expected


def test_an_arm_that_is_stopped_on_the_way_is_not_said_to_be_at_home(rig, monkeypatch):
    rig.targets = False
    rig.arm_at = rig.home + 0.4
    rig.run(0.1)
    assert rig.bridge.home(rig.mono_ns).accepted
    rig.run(1.0)
    monkeypatch.setattr(Guard, "forbids", lambda *_: True)
    rig.run(4.0)
    assert rig.bridge.mode is Mode.DISARMED
    assert re.fullmatch(r"stopped 0\.\d\d rad from home: a limit or the workspace", rig.bridge.machine.reason)


def test_an_adapter_in_fault_can_be_recovered_while_disarmed(rig):
    rig.run(0.1)
    assert rig.bridge.recover().text == "not recovered: the bridge is disarmed, not in fault"
    rig.adapter_problem = "receiver: the arm stopped by itself: user_stopped"
    rig.run(0.1)
    assert rig.arm().text == "not armed: receiver: the arm stopped by itself: user_stopped"
    assert rig.bridge.recover().text == "recovered: disarmed"


def test_a_fault_is_left_by_recovering_once_the_arm_is_at_rest(armed):
    assert armed.bridge.recover().text == "not recovered: the bridge is policy, not in fault"
    armed.publish("/f2o/joint_target", ["/a", "/b"])
    armed.tick()
    assert armed.bridge.recover().text == "not recovered: still braking; try again in a second"
    armed.run(0.5)
    assert armed.bridge.recover().text == "recovered: disarmed"
    assert armed.bridge.mode is Mode.DISARMED


def test_replay_is_a_source_of_its_own(panda):
    rig = Rig(panda, source="replay")
    rig.run(0.1)
    assert rig.arm().accepted
    rig.targets = False
    assert not rig.target(source="policy")
    rig.source, rig.targets = "replay", True
    rig.run(0.5)
    assert (rig.bridge.mode, rig.sent[-1].source) == (Mode.REPLAY, "replay")


def test_braking_begins_within_24_ms_of_the_first_missing_target_and_ends_within_350(armed):
    """MoveIt Servo waits 100 ms, joint_trajectory_controller for ever."""
    armed.targets = False
    missing_ns, moving = armed.mono_ns + TICK_NS, armed.speed
    assert moving > 0.19
    begun_s = rest_s = None
    while rest_s is None:
        sent = armed.tick()
        after_s = (armed.mono_ns - missing_ns) / S
        if begun_s is None and abs(sent.command.state.velocity[0]) < moving - 1e-6:
            begun_s = after_s
        rest_s = after_s if sent is None or armed.bridge.at_rest else None
        assert after_s < 1.0
    assert begun_s <= 0.024
    assert rest_s - begun_s <= 0.35


def seeing(rig, stamps):
    """Turn the clock while the source's targets are made from observations with these stamps, one a tick."""
    for stamp_ns in stamps:
        rig.observation_ros_ns = stamp_ns
        rig.tick()


def test_a_policy_that_sees_nothing_new_is_held_and_goes_on_when_it_sees_again(armed):
    seen_ns = armed.mono_ns + armed.ros_offset_ns
    seeing(armed, range(seen_ns, seen_ns + 20))
    seeing(armed, [seen_ns + 19] * 62)
    assert armed.bridge.mode is Mode.POLICY
    seeing(armed, [seen_ns + 19])
    assert armed.bridge.mode is Mode.HOLD
    expected = "no new observation behind the targets on /f2o/joint_target for 0."
    assert armed.bridge.machine.reason == f"{expected}504 s"
    armed.run(0.4)
    assert armed.bridge.mode is Mode.HOLD and armed.bridge.at_rest
    assert armed.arm().text.startswith(f"not armed: {expected}9")
    seeing(armed, [armed.mono_ns + armed.ros_offset_ns])
    assert armed.bridge.mode is Mode.POLICY
    assert violations(armed.commands) == []


def test_a_camera_whose_clock_is_set_back_sees_and_one_that_comes_late_is_old(armed):
    now_ns = armed.mono_ns + armed.ros_offset_ns
    seeing(armed, [now_ns + 5 * S, now_ns, now_ns - 1])
    armed.run(0.46)
    assert armed.bridge.mode is Mode.POLICY  # now was a clock that was set, now - 1 ns an old image
    seeing(armed, [now_ns - 2] * 5)
    assert armed.bridge.mode is Mode.HOLD


def test_a_policy_that_is_far_behind_what_happens_is_held_though_its_observations_move_on(armed):
    for behind_s, mode in ((0.49, Mode.POLICY), (0.51, Mode.HOLD)):
        now_ns = armed.mono_ns + armed.ros_offset_ns
        seeing(armed, range(now_ns - round(behind_s * S), now_ns + S, TICK_NS)[:65])
        assert armed.bridge.mode is mode


def test_observations_that_were_stale_from_the_first_target_on_hold_too(armed):
    seeing(armed, range(armed.ros_offset_ns, armed.ros_offset_ns + 65))
    assert armed.bridge.mode is Mode.HOLD


def test_a_policy_that_stops_telling_what_it_has_seen_is_held(armed):
    seeing(armed, [armed.mono_ns + armed.ros_offset_ns])
    seeing(armed, [0] * 64)
    assert armed.bridge.mode is Mode.HOLD


def test_an_arm_that_was_not_measured_since_it_came_to_rest_does_not_move(armed):
    armed.run(0.3)
    armed.states = False  # the last says where the arm was before it braked
    armed.bridge.disarm()
    while armed.tick() is not None:
        pass
    text = "no joint state on /franka/joint_states since the arm came to rest; try again"
    assert armed.arm().text == f"not armed: {text}"
    assert armed.bridge.home(armed.mono_ns).text == f"not homing: {text}"
    armed.states = True
    armed.run(0.3)
    assert armed.arm().accepted


def test_a_policy_that_falls_silent_before_it_is_armed_again_has_time_to_see(armed):
    seeing(armed, [armed.mono_ns + armed.ros_offset_ns])
    armed.bridge.disarm()
    armed.targets = False
    armed.run(2.0)
    assert armed.arm().text == "armed: policy"
    armed.targets = True
    seeing(armed, [armed.mono_ns + armed.ros_offset_ns])
    assert armed.bridge.mode is Mode.POLICY


def test_a_command_says_whose_it_is_what_was_seen_and_when_it_is_due(armed):
    seen_ns = armed.mono_ns + armed.ros_offset_ns
    seeing(armed, [seen_ns])
    sent, before = armed.sent[-1], armed.sent[-2]
    assert (sent.source, sent.observation_ros_ns) == ("policy", seen_ns)
    assert sent.due_ros_ns == armed.mono_ns + armed.ros_offset_ns + TICK_NS
    assert sent.sequence == before.sequence + 1
    armed.targets = False
    armed.run(0.3)
    assert (armed.sent[-1].source, armed.sent[-1].observation_ros_ns) == ("hold", 0)


def test_lost_targets_are_counted_and_a_sender_that_begins_anew_is_not(armed):
    armed.targets = False
    feed = armed.bridge.sources[Mode.POLICY]
    for number, lost in ((7, 6), (8, 6), (11, 8), (1, 8), (2, 8)):
        armed.tick()
        armed.target(sequence=number)
        assert feed.lost == lost


def test_a_person_needs_no_observations(shared):
    seeing(shared, [shared.mono_ns + shared.ros_offset_ns])
    shared.hand = shared.arm_at.copy()
    shared.run(0.05)
    assert shared.bridge.take_over(shared.mono_ns).accepted
    shared.run(0.6)
    assert shared.bridge.mode is Mode.TELEOP
    shared.shift = shared.arm_at[0] - shared.home[0]
    shared.run(0.02)
    assert shared.bridge.give_back(shared.mono_ns).text.startswith(
        "not given back: no new observation behind "
    )


def test_a_bridge_that_stood_still_does_not_move_on_with_what_is_fresh_again(armed):
    """After SIGCONT the newest joint state and target may be read before the first tick."""
    armed.mono_ns += 3 * S
    armed.tick()
    assert armed.bridge.mode is Mode.FAULT
    assert armed.bridge.machine.reason == "no joint states for 3.008 s"


def test_an_arm_that_stands_while_its_command_moves_is_a_fault(armed):
    armed.follows = False
    armed.run(0.6)
    assert armed.bridge.mode is Mode.POLICY
    armed.run(0.2)
    assert armed.bridge.mode is Mode.FAULT
    said = "the arm does not follow: panda_joint1 moved 0.008 rad while its commands went 0.10 rad; "
    assert armed.bridge.machine.reason.startswith(said)
    assert violations(armed.commands) == []


def test_joint_states_out_of_order_do_not_count(rig):
    at = [rig.home + k / 100 for k in range(4)]
    for k in (1, 3, 2, 0):
        rig.bridge.offer_joints(at[k], rig.mono_ns, 10 * S + k)
    assert np.array_equal(rig.bridge._joints.position, at[3])
    rig.bridge.offer_joints(at[0], rig.mono_ns, 5 * S)  # the arm's clock was set
    assert np.array_equal(rig.bridge._joints.position, at[0])


def test_an_arm_that_its_controller_holds_elsewhere_is_not_armed_nor_sent_home(rig):
    rig.run(0.3)
    rig.bridge.offer_held(rig.arm_at + 0.2 * np.eye(7)[0], rig.mono_ns)
    text = "the controller holds panda_joint1 at 0.20 rad, joint states say 0.00 rad"
    assert rig.arm().text == f"not armed: {text}"
    assert rig.bridge.home(rig.mono_ns).text == f"not homing: {text}"
    rig.bridge.offer_held(rig.arm_at, rig.mono_ns)
    assert rig.arm().accepted
