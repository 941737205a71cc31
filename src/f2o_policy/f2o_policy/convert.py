"""Tick results to messages (ROS)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TypeVar

from builtin_interfaces.msg import Duration, Time
from f2o_nodekit.pace import Tick
from f2o_nodekit.stamps import NS_PER_S, from_ns
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from f2o_msgs.msg import JointTarget, PolicyTick
from f2o_policy.runtime.policy import TickResult

T = TypeVar("T")
SOURCE = "policy"  # command source of the targets; the bridge follows it only in its mode policy


def target_message(
    joint_names: Sequence[str], result: TickResult, due_ros_ns: int, sequence: int
) -> JointTarget:
    """The joint target, stamped with the time it is due."""
    msg = JointTarget(source=SOURCE, sequence=sequence, joint_names=joint_names)
    msg.header.stamp = from_ns(due_ros_ns, Time)
    msg.observation_stamp = from_ns(_required(result.embedded).stamp_ros_ns, Time)
    msg.joint_positions = array("d", _required(result.target)[:-1])
    msg.joint_velocities = array("d", _required(result.velocity)[:-1])
    msg.gripper_width = float(_required(result.target)[-1])
    return msg


def tick_message(tick: Tick, result: TickResult, due_ros_ns: int, switches: int) -> PolicyTick:
    """Timing and choice of a tick."""
    msg = PolicyTick()
    msg.header.stamp = from_ns(due_ros_ns, Time)
    msg.observation_stamp = from_ns(_required(result.embedded).stamp_ros_ns, Time)
    msg.observation_age, msg.inference = result.observation_age_s, result.inference_s
    msg.late, msg.skipped = tick.late_ns / NS_PER_S, tick.skipped
    msg.chosen, msg.mode_switches = result.chosen, switches
    return msg


def chunk_message(names: Sequence[str], horizon: int, dt_s: float) -> JointTrajectory:
    """A trajectory message with ``horizon`` points ``dt_s`` seconds apart, to be filled every tick."""
    msg = JointTrajectory(joint_names=names)
    times = [from_ns(round(k * dt_s * NS_PER_S), Duration) for k in range(horizon)]
    msg.points = [JointTrajectoryPoint(time_from_start=t) for t in times]
    return msg


def fill_chunk(msg: JointTrajectory, result: TickResult) -> None:
    """Write the chosen chunk of ``result`` into ``msg``, stamped with the chunk's time zero."""
    msg.header.stamp = from_ns(result.chunk_stamp_ros_ns, Time)
    for point, values in zip(msg.points, _required(result.chunks)[result.chosen], strict=True):
        point.positions = array("d", values)


def _required(part: T | None) -> T:
    if part is None:
        raise ValueError("a tick without a target or an adopted plan has no such message")
    return part
