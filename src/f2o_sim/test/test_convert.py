"""Messages of the simulator and its demonstrator: what stands where, and which trajectories are refused."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: there are no messages")
pytest.importorskip("f2o_msgs", reason="f2o_msgs is not built: run make setup")

from f2o_nodekit.joints import JointStateError
from f2o_nodekit.robot import read_robot
from f2o_sim.cameras import RgbdImage, camera
from f2o_sim.errors import TrajectoryError
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from f2o_sim import convert, expert_convert

STAMP_NS = 12_345_678_901


def stamp_ns(msg):
    return msg.header.stamp.sec * 10**9 + msg.header.stamp.nanosec


FR3 = read_robot("fr3")


def trajectory(names=FR3.joint_names, positions=((0.0,) * 7,), velocities=None):
    msg = JointTrajectory(joint_names=list(names))
    for k, row in enumerate(positions):
        point = JointTrajectoryPoint(positions=list(map(float, row)))
        point.time_from_start.nanosec = 8_000_000 * (k + 1)
        if velocities is not None:
            point.velocities = list(map(float, velocities[k]))
        msg.points.append(point)
    return msg


def test_a_trajectory_is_read_by_joint_name():
    backwards = FR3.joint_names[::-1]
    msg = trajectory(backwards, [range(7), range(1, 8)], [range(7), [0] * 7])
    read = convert.trajectory_from_msg(msg, FR3.joint_names)
    assert read.start_ns == 0
    assert read.times_ns.tolist() == [8_000_000, 16_000_000]
    assert read.positions[0].tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert read.velocities[0].tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert convert.trajectory_from_msg(trajectory(), FR3.joint_names).velocities is None


@pytest.mark.parametrize(
    ("msg", "sentence"),
    [
        (
            trajectory(FR3.joint_names[:6]),
            "joint_names: expected fr3_joint1, .* in any order, got fr3_joint1",
        ),
        (trajectory(()), "joint_names: .* got none"),
        (trajectory(positions=[(0.0,) * 6]), "positions: expected 7 numbers in every point"),
        (
            trajectory(positions=[(0,) * 7] * 2, velocities=[(0,) * 7, ()]),
            "velocities: expected 7 numbers in every point, or none in any",
        ),
    ],
)
def test_a_malformed_trajectory_is_refused_in_one_sentence(msg, sentence):
    with pytest.raises(TrajectoryError, match=f"^trajectory: {sentence}"):
        convert.trajectory_from_msg(msg, FR3.joint_names)


def test_images_keep_their_pixels_and_share_a_stamp():
    messages = convert.CameraMessages("wrist", 4, 2)
    rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    depth = np.arange(8, dtype=np.uint16).reshape(2, 4) * 500
    messages.fill(RgbdImage("wrist", rgb, depth), STAMP_NS)
    color, aligned, info = messages.color, messages.depth, messages.info
    assert {stamp_ns(m) for m in (color, aligned, info)} == {STAMP_NS}
    assert {m.header.frame_id for m in (color, aligned, info)} == {"wrist_color_optical_frame"}
    assert (color.encoding, color.step, aligned.encoding, aligned.step) == ("rgb8", 12, "16UC1", 8)
    np.testing.assert_array_equal(np.frombuffer(color.data, np.uint8).reshape(2, 4, 3), rgb)
    np.testing.assert_array_equal(np.frombuffer(aligned.data, np.uint16).reshape(2, 4), depth)
    lens = camera("wrist").intrinsics(4, 2)
    assert (info.k[0], info.k[2], info.k[5], info.p[6]) == (lens.fx, lens.cx, lens.cy, lens.cy)


@pytest.mark.parametrize("name", ["panda", "fr3"])
def test_states_of_the_robot_and_its_task(world, name, monkeypatch):
    world.reset(2)
    monkeypatch.setattr(world, "robot", read_robot(name))
    messages = convert.RobotMessages(world)
    arm, fingers = messages.fill_arm(world, STAMP_NS), messages.fill_fingers(world, STAMP_NS)
    assert (arm.name[0], fingers.name[1]) == (f"{name}_joint1", f"{name}_finger_joint2")
    np.testing.assert_allclose(arm.position, world.joint_positions())
    assert sum(fingers.position) == pytest.approx(world.gripper_width())  # each finger says half
    task = messages.fill_task(world, STAMP_NS)
    assert (task.seed, task.running, task.success, task.header.frame_id) == (2, True, False, f"{name}_link0")
    for name, pose in zip(task.object_names, task.object_poses, strict=True):
        np.testing.assert_allclose(expert_convert.pose_from_msg(pose), world.object_pose(name))


def test_a_scene_is_read_back_from_the_messages(world):
    world.reset(4)
    messages = convert.RobotMessages(world)
    read = expert_convert.scene_from_msgs(
        messages.fill_arm(world, STAMP_NS),
        messages.fill_fingers(world, STAMP_NS),
        messages.fill_task(world, STAMP_NS),
        world.robot,
    )
    assert (read.seed, read.verdict.over) == (4, False)
    np.testing.assert_allclose(read.joints, world.joint_positions())
    assert read.gripper_width == pytest.approx(world.gripper_width())
    assert set(read.objects) == set(world.task.object_names)
    with pytest.raises(JointStateError):
        expert_convert.scene_from_msgs(
            messages.arm, JointState(name=["panda_finger_joint1"]), messages.task, world.robot
        )


def test_targets_of_the_demonstrator():
    msg = expert_convert.target_message(np.arange(8.0) / 10, STAMP_NS, 7)
    assert (msg.source, msg.sequence, stamp_ns(msg)) == ("expert", 7, STAMP_NS)
    assert list(msg.joint_positions) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert (msg.gripper_width, len(msg.joint_velocities)) == (0.7, 0)
