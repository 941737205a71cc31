"""An episode as targets again."""

import threading
import types

import numpy as np
import pytest
import recorded as e
from f2o_bags.errors import BagError, PlayError
from f2o_bags.read import open_complete
from f2o_teleop.replay import (
    RAMP_RAD_S,
    Ramp,
    Replay,
    Trajectory,
    load_trajectory,
    run_replay,
    wait_for_bridge,
)

HOME = np.array([0.1] * 7 + [0.08])


@pytest.fixture
def trajectory(tmp_path):
    return load_trajectory(open_complete(e.write(tmp_path)))


def test_the_trajectory_is_what_was_commanded(trajectory):
    assert trajectory.duration_s == pytest.approx(3.992)
    for seconds in (0.0, 1.0, 2.504, 3.9):
        angle = np.clip(seconds - 0.2, 0.0, 3.3) * 0.3
        np.testing.assert_allclose(trajectory.at(seconds).positions[:7], angle, atol=1e-6)
    middle = trajectory.at(1.0, speed=2.0)
    np.testing.assert_allclose(middle.velocities[:7], 0.6, atol=1e-6)  # twice as fast
    assert trajectory.at(3.0).positions[7] == 0.03 and trajectory.at(1.0).positions[7] == 0.08
    for outside in (-1.0, 99.0):
        assert not trajectory.at(outside).velocities.any()


def test_a_part_and_another_topic_can_be_taken(tmp_path):
    bag = open_complete(e.write(tmp_path))
    part = load_trajectory(bag, begin_s=1.0, end_s=2.0)
    assert part.duration_s == pytest.approx(1.0)
    np.testing.assert_allclose(part.first[:7], 0.24)
    with pytest.raises(BagError, match=r"no topic /nope; it has /f2o/joint_command, "):
        load_trajectory(bag, "/nope")
    with pytest.raises(BagError, match=r"no position for gripper_width, only for panda_joint1"):
        load_trajectory(bag, e.ARM)  # says nothing about the gripper
    with pytest.raises(BagError, match="fewer than two targets to replay"):
        load_trajectory(bag, begin_s=50.0)


def test_the_way_to_the_start_is_smooth_slow_and_arrives():
    goal = HOME + np.array([0.0, 1.2, 0, 0, 0, 0, 0, -0.05])
    ramp = Ramp(HOME, goal)
    times = np.linspace(0, ramp.duration_s, 2000)
    positions = np.array([ramp.at(t).positions for t in times])
    velocities = np.array([ramp.at(t).velocities for t in times])
    np.testing.assert_allclose(positions[[0, -1]], [HOME, goal], atol=1e-12)
    assert np.abs(velocities[:, :7]).max() == pytest.approx(RAMP_RAD_S, rel=1e-3)
    assert np.abs(velocities[[0, -1]]).max() < 1e-12
    np.testing.assert_allclose(np.gradient(positions, times, axis=0)[5:-5], velocities[5:-5], atol=1e-3)
    assert Ramp(HOME, HOME).duration_s == 1.0  # also where there is no way


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_ramp_and_trajectory_join_without_a_step(trajectory, speed):
    replay = Replay(HOME, trajectory, speed)
    times = np.arange(0, replay.duration_s + 1.0, 0.008)
    positions = np.array([replay.at(t).positions for t in times])[:, :7]
    assert np.abs(np.diff(positions, axis=0)).max() / 0.008 < 0.3 * speed + RAMP_RAD_S
    np.testing.assert_allclose(positions[-1], 3.3 * 0.3, atol=1e-6)
    assert not replay.at(replay.duration_s + 0.1).velocities.any()


class FakeArm:
    """Follows at once; the bridge arms when requested, and can be made to refuse or to fall into hold."""

    joint_states = "/franka/joint_states"

    def __init__(self, refuses="", hold_after=10**9, blind=False):
        self.mode, self.sent, self.refuses, self.hold_after = "disarmed", [], refuses, hold_after
        self.at = None if blind else HOME.copy()

    def receive(self):
        if len(self.sent) > self.hold_after:
            self.mode = "hold"

    def measured(self):
        return self.at

    def request(self, verb):
        if verb == "arm" and not self.refuses:
            self.mode = "replay"
        return self.refuses

    def send(self, target):
        self.sent.append(target)
        self.at = target.positions


def short(trajectory_end=0.1):
    return Trajectory(np.array([0.0, trajectory_end]), np.array([HOME, HOME + 0.01]))


def test_it_waits_where_the_arm_is_then_ramps_follows_and_rests():
    arm, ended = FakeArm(), threading.Event()
    assert wait_for_bridge(arm, True, 5.0, ended)
    np.testing.assert_allclose([t.positions for t in arm.sent], [HOME] * len(arm.sent))
    done = run_replay(arm, Replay(HOME, short()), ended)
    assert done.complete and done.seconds == pytest.approx(1.6, abs=0.2) and done.worst_rad < 0.01
    np.testing.assert_allclose(arm.sent[-1].positions, HOME + 0.01)
    assert not arm.sent[-1].velocities.any()


def test_it_ends_when_the_bridge_leaves_the_mode_or_a_person_ends_it():
    arm, ended = FakeArm(hold_after=20), threading.Event()
    wait_for_bridge(arm, True, 5.0, ended)
    with pytest.raises(PlayError, match=r"^replay: ended after 0.\d of 1.6 s: the bridge went to hold$"):
        run_replay(arm, Replay(HOME, short()), ended)
    ended.set()
    arm = FakeArm()
    assert not wait_for_bridge(arm, True, 5.0, ended)
    assert not run_replay(arm, Replay(HOME, short()), ended).complete


@pytest.mark.parametrize(
    ("arm", "asks", "sentence"),
    [
        (FakeArm(), False, r"the bridge is disarmed, expected replay \(f2o-launch replay, then arm\)$"),
        (FakeArm(refuses="not armed: in fault"), True, "arming was refused: not armed: in fault$"),
        (FakeArm(blind=True), True, "no joint states on /franka/joint_states"),
    ],
)
def test_why_it_cannot_begin_is_said(arm, asks, sentence):
    with pytest.raises(PlayError, match=sentence):
        wait_for_bridge(arm, asks, 0.1, threading.Event())


def test_a_trajectory_may_have_two_points():
    trajectory = Trajectory(np.array([0.0, 1.0]), np.array([HOME, HOME + 1.0]))
    np.testing.assert_allclose(trajectory.at(0.25).positions, HOME + 0.25)


def test_a_message_without_the_joints_changes_nothing():
    pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
    from f2o_teleop.replay_node import ReplayNode
    from sensor_msgs.msg import JointState

    fingers = ["fr3_finger_joint1", "fr3_finger_joint2"]
    node = types.SimpleNamespace(_names=("joint1", "joint2"), _joints=None, _width=0.0)
    for names, positions, width in (
        (["fr3_joint2", "fr3_joint1"], [2.0, 1.0], [0.02, 0.02]),
        (["fr3_joint1"], [5.0], []),
        (["fr3_joint1", "fr3_joint2"], [np.nan, 5.0], [np.nan, 0.02]),
    ):
        ReplayNode._on_joints(node, JointState(name=names, position=positions))
        ReplayNode._on_gripper(node, JointState(name=fingers, position=width))
        assert ReplayNode.measured(node).tolist() == [1.0, 2.0, 0.04]
