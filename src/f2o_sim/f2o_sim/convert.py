"""ROS messages to what the simulator works with, and back. Messages that go out are filled again and again in place."""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from f2o_nodekit.joints import joint_order
from f2o_nodekit.stamps import from_ns, to_ns
from f2o_perception.frames import Intrinsics
from geometry_msgs.msg import Point, Pose, Quaternion
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from f2o_msgs.msg import TaskState
from f2o_sim.cameras import RgbdImage, camera
from f2o_sim.controller import Trajectory
from f2o_sim.errors import TrajectoryError
from f2o_sim.world import World


class CameraMessages:
    """The three messages of one camera."""

    def __init__(self, view: str, width: int, height: int) -> None:
        lens = camera(view).intrinsics(width, height)
        self.color = _image(view, lens, "rgb8", 3)
        self.depth = _image(view, lens, "16UC1", 2)
        self.info = _camera_info(view, lens)
        # Views into the messages' own memory: assigning an array to `data` would be checked byte by byte (56 ms).
        self._rgb = np.frombuffer(self.color.data, np.uint8).reshape(lens.height, lens.width, 3)
        self._depth_mm = np.frombuffer(self.depth.data, np.uint16).reshape(lens.height, lens.width)

    def fill(self, image: RgbdImage, stamp_ros_ns: int) -> None:
        """Make the messages those of ``image``."""
        stamp = from_ns(stamp_ros_ns, Time)
        self.color.header.stamp = self.depth.header.stamp = self.info.header.stamp = stamp
        self._rgb[...], self._depth_mm[...] = image.rgb, image.depth_mm


def _image(view: str, lens: Intrinsics, encoding: str, pixel_bytes: int) -> Image:
    msg = Image(height=lens.height, width=lens.width, encoding=encoding, step=lens.width * pixel_bytes)
    msg.header.frame_id = f"{view}_color_optical_frame"
    msg.data = array("B", bytes(lens.height * lens.width * pixel_bytes))
    return msg


def _camera_info(view: str, lens: Intrinsics) -> CameraInfo:
    msg = CameraInfo(height=lens.height, width=lens.width, distortion_model="plumb_bob", d=[0.0] * 5)
    msg.header.frame_id = f"{view}_color_optical_frame"
    msg.k = [lens.fx, 0.0, lens.cx, 0.0, lens.fy, lens.cy, 0.0, 0.0, 1.0]
    msg.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    msg.p = [lens.fx, 0.0, lens.cx, 0.0, 0.0, lens.fy, lens.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return msg


class RobotMessages:
    """Joint, gripper and task states."""

    def __init__(self, world: World) -> None:
        robot = world.robot
        self.arm = JointState(name=list(robot.joint_names))
        self.fingers = JointState(name=list(robot.finger_joint_names))
        self.task = TaskState(task=world.task.name, object_names=list(world.task.object_names))
        self.task.header.frame_id = robot.base_frame

    def fill_arm(self, world: World, stamp_ros_ns: int) -> JointState:
        """The seven joints of the arm: position, velocity, effort."""
        self.arm.header.stamp = from_ns(stamp_ros_ns, Time)
        self.arm.position = array("d", world.joint_positions())
        self.arm.velocity = array("d", world.joint_velocities())
        self.arm.effort = array("d", world.joint_torques())
        return self.arm

    def fill_fingers(self, world: World, stamp_ros_ns: int) -> JointState:
        """The two fingers, each half the width."""
        half = world.gripper_width() / 2
        self.fingers.header.stamp = from_ns(stamp_ros_ns, Time)
        self.fingers.position = array("d", [half, half])
        return self.fingers

    def fill_task(self, world: World, stamp_ros_ns: int) -> TaskState:
        """The judgement, and where the objects really are."""
        msg, verdict = self.task, world.verdict
        msg.header.stamp = from_ns(stamp_ros_ns, Time)
        msg.seed, msg.running = world.seed, not verdict.over
        msg.success, msg.collision, msg.side = verdict.success, verdict.collision, verdict.side
        msg.elapsed = verdict.elapsed_s if verdict.over else world.elapsed_s
        msg.object_poses = [_pose(world.object_pose(name)) for name in msg.object_names]
        return msg


def _pose(pose: np.ndarray) -> Pose:
    x, y, z, w, i, j, k = map(float, pose)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=i, y=j, z=k, w=w))


def trajectory_from_msg(msg: JointTrajectory, joint_names: tuple[str, ...]) -> Trajectory:
    """A trajectory with the joints in the order of ``joint_names``, the arm's; its start is in ROS time, or 0.

    Raises:
        TrajectoryError: other joints than the arm's, or points of another length.
    """
    if sorted(msg.joint_names) != sorted(joint_names):
        names = ", ".join(msg.joint_names) or "none"
        raise TrajectoryError(
            f"trajectory: joint_names: expected {', '.join(joint_names)} in any order, got {names}"
        )
    order = joint_order(msg.joint_names, joint_names)
    positions = [point.positions for point in msg.points]
    velocities = [point.velocities for point in msg.points]
    if any(len(row) != len(order) for row in positions):
        raise TrajectoryError(f"trajectory: positions: expected {len(order)} numbers in every point")
    has_velocities = bool(velocities) and all(len(row) == len(order) for row in velocities)
    if not has_velocities and any(len(row) for row in velocities):
        raise TrajectoryError(
            f"trajectory: velocities: expected {len(order)} numbers in every point, or none in any"
        )
    return Trajectory(
        to_ns(msg.header.stamp),
        np.array([to_ns(point.time_from_start) for point in msg.points], np.int64),
        np.array(positions, np.float64).reshape(-1, len(order))[:, order],
        np.array(velocities, np.float64)[:, order] if has_velocities else None,
    )
