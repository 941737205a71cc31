"""ROS messages to what the demonstrator works with, and back: apart from the simulator's, which needs no kinematics."""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from f2o_nodekit.joints import read_gripper_width, read_joint_state
from f2o_nodekit.robot import Robot, canonical_names
from f2o_nodekit.stamps import from_ns
from geometry_msgs.msg import Pose
from sensor_msgs.msg import JointState

from f2o_msgs.msg import JointTarget, TaskState
from f2o_sim.collector import Scene
from f2o_sim.tasks.base import Verdict

SOURCE = "expert"  # of the demonstrator's targets


def pose_from_msg(msg: Pose) -> np.ndarray:
    """Position and quaternion wxyz, shape (7,)."""
    p, o = msg.position, msg.orientation
    return np.array([p.x, p.y, p.z, o.w, o.x, o.y, o.z])


def target_message(target: np.ndarray, due_ros_ns: int, sequence: int) -> JointTarget:
    """Seven joints [rad] and the gripper's width [m] for the bridge; it takes velocities from the differences."""
    msg = JointTarget(source=SOURCE, sequence=sequence, joint_names=list(canonical_names(len(target) - 1)))
    msg.header.stamp = from_ns(due_ros_ns, Time)
    msg.joint_positions, msg.gripper_width = array("d", target[:-1]), float(target[-1])
    return msg


def scene_from_msgs(joints: JointState, fingers: JointState, task: TaskState, robot: Robot) -> Scene:
    """What the demonstrator of ``robot`` sees.

    Raises:
        JointStateError: a joint or finger without a usable position.
    """
    objects = dict(zip(task.object_names, map(pose_from_msg, task.object_poses), strict=True))
    verdict = Verdict(task.success, task.collision, task.side, not task.running, task.elapsed)
    q = read_joint_state(joints, robot.joint_names).positions
    return Scene(task.seed, q, read_gripper_width(fingers, robot.finger_joint_names), objects, verdict)
