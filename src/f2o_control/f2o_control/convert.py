"""ROS messages to what the bridge works with, and back."""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Duration
from f2o_nodekit.stamps import from_ns, to_ns
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from f2o_control.adapters import TrajectoryPlan
from f2o_control.bridge import Sent
from f2o_control.robot import Joints
from f2o_control.target import GRIPPER, RawTarget


class JointReader:
    """Positions of some joints out of JointState messages, looked up by name."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._wanted = names
        self._cached: tuple[list[str], list[int] | None] = ([], None)

    def positions(self, msg: JointState) -> Joints | None:
        """Positions in the order of ``names``; None where the message lacks one of them."""
        if msg.name != self._cached[0]:
            missing = any(name not in msg.name for name in self._wanted)
            self._cached = (list(msg.name), None if missing else [msg.name.index(n) for n in self._wanted])
        indices = self._cached[1]
        if indices is None or len(msg.position) != len(msg.name):
            return None
        return np.array(msg.position, dtype=float)[indices]


def raw_target(msg: JointState) -> RawTarget:
    """A target message, unchecked."""
    stamp_ns = to_ns(msg.header.stamp)
    return RawTarget(tuple(msg.name), msg.position, msg.velocity, stamp_ns, msg.header.frame_id)


def command_message(sent: Sent, joint_names: tuple[str, ...]) -> JointState:
    """What was sent, in the layout of a target; the stamp is left to the caller."""
    msg = JointState(name=[*joint_names, GRIPPER])
    msg.header.frame_id = sent.source
    msg.position = array("d", [*sent.command.state.position, sent.gripper_width])
    msg.velocity = array("d", [*sent.command.state.velocity, 0.0])
    return msg


def trajectory_message(plan: TrajectoryPlan) -> JointTrajectory:
    """A trajectory that starts on reception (stamp 0)."""
    rows = zip(plan.times_s, plan.positions, plan.velocities, strict=True)
    return JointTrajectory(
        joint_names=list(plan.joint_names),
        points=[
            JointTrajectoryPoint(
                positions=array("d", positions),
                velocities=array("d", velocities),
                time_from_start=from_ns(round(time_s * 1e9), Duration),
            )
            for time_s, positions, velocities in rows
        ],
    )


def width_message(width: float) -> Float64MultiArray:
    """A gripper goal [m]."""
    return Float64MultiArray(data=array("d", [width]))
