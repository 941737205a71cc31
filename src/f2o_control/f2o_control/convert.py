"""ROS messages to what the bridge works with, and back."""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from f2o_nodekit.ros import reliable
from f2o_nodekit.stamps import NS_PER_S, to_ns
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from f2o_control.adapters import Adapter, FarEnd, NamedJoints, Numbers, TrajectoryPlan
from f2o_control.bridge import Answer, Bridge, Sent
from f2o_control.config import Topics
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


def observation_stamp(data: bytes) -> int:
    """The stamp [ns] of an Observation as it came over the wire.

    Nothing but the stamp is wanted of a message of some hundred kilobytes, so the node asks for its bytes. The header
    stands first, its stamp first in that: seconds and nanoseconds behind the four bytes that say in which order
    bytes stand (OMG DDS-XTypes 1.3, 7.6.2.1.2).
    """
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", data, 4)
    return seconds * NS_PER_S + nanoseconds


def raw_target(msg: JointState) -> RawTarget:
    """A target message, unchecked."""
    stamp_ns = to_ns(msg.header.stamp)
    return RawTarget(tuple(msg.name), msg.position, msg.velocity, stamp_ns, msg.header.frame_id)


def command_message(sent: Sent, joint_names: tuple[str, ...]) -> JointState:
    """What was sent, in the layout of a target; the stamp is left to the caller."""
    msg = JointState(name=[*joint_names, GRIPPER])
    msg.header.frame_id = sent.source
    msg.position, msg.velocity = _doubles(sent.command.state.position), _doubles(sent.command.state.velocity)
    msg.position.append(sent.gripper_width)
    msg.velocity.append(0.0)
    return msg


def _doubles(values: np.ndarray) -> array[float]:
    """As the messages' own fields want them; through bytes, because one by one costs ten times as much."""
    return array("d", values.tobytes())


def trajectory_message(plan: TrajectoryPlan) -> JointTrajectory:
    """A trajectory that starts on reception (stamp 0).

    Its parts are made once for each number of points and filled again: as new ones they cost more than the plan.
    """
    msg = _trajectory_of(plan.joint_names, len(plan.times_s))
    times_ns = np.rint(plan.times_s * NS_PER_S).astype(np.int64).tolist()
    for point, ns, positions, velocities in zip(
        msg.points, times_ns, plan.positions, plan.velocities, strict=True
    ):
        point.positions, point.velocities = _doubles(positions), _doubles(velocities)
        point.time_from_start.sec, point.time_from_start.nanosec = divmod(ns, NS_PER_S)
    return msg


@cache
def _trajectory_of(joint_names: tuple[str, ...], points: int) -> JointTrajectory:
    return JointTrajectory(
        joint_names=list(joint_names), points=[JointTrajectoryPoint() for _ in range(points)]
    )


def joints_message(joints: NamedJoints) -> JointState:
    """Joints as they are; the stamp is left to the caller."""
    return JointState(
        name=list(joints.joint_names),
        position=_doubles(joints.positions),
        velocity=_doubles(joints.velocities),
    )


def numbers_message(numbers: Numbers) -> Float64MultiArray:
    """Numbers without a layout."""
    return Float64MultiArray(data=_doubles(numbers.values))


def width_message(width: float) -> Float64MultiArray:
    """A gripper goal [m]."""
    return Float64MultiArray(data=array("d", [width]))


MESSAGES = {
    TrajectoryPlan: (JointTrajectory, trajectory_message),
    NamedJoints: (JointState, joints_message),
    Numbers: (Float64MultiArray, numbers_message),
}


class AdapterPort:
    """The ROS side of an adapter: publishes what it sends, and what its far end has measured.

    ``wish`` is told the gripper's goals [m], beside their topic.
    """

    def __init__(
        self, node: Node, adapter: Adapter, topics: Topics, wish: Callable[[float], None] = lambda width: None
    ) -> None:
        self._node, self._adapter, self._topics = node, adapter, topics
        self._wish = wish
        self._out = self._encode = None
        if adapter.outlet is not None:
            message, self._encode = MESSAGES[adapter.outlet.kind]
            self._out = node.create_publisher(message, getattr(topics, adapter.outlet.topic), reliable(1))
        self._widths = node.create_publisher(Float64MultiArray, topics.gripper_command, reliable(1))
        self._measured: dict[str, Publisher] = {}  # by topic; only an adapter that measures gets one

    def send(self, sent: Sent) -> None:
        """Send a tick's command, and the gripper's goal where there is a new one."""
        outgoing = self._adapter.send(sent.command, sent.gripper_width)
        if outgoing is not None:
            self._out.publish(self._encode(outgoing))
        if sent.gripper_goal is not None and not self._adapter.grips:
            self._widths.publish(width_message(sent.gripper_goal))
            self._wish(sent.gripper_goal)

    def look(self, mono_ns: int) -> FarEnd:
        """How the far end is; its measurements become joint states for everybody."""
        far = self._adapter.look(mono_ns)
        if far.joints is not None:
            self._say(self._topics.joint_states, far.joints)
        if far.gripper_width is not None:
            fingers = tuple(far.joints.joint_names[0].replace("joint1", f"finger_joint{i}") for i in (1, 2))
            halves = np.full(2, far.gripper_width / 2)
            self._say(self._topics.gripper_states, NamedJoints(fingers, halves, np.zeros(2)))
        return far

    def _say(self, topic: str, joints: NamedJoints) -> None:
        if topic not in self._measured:
            self._measured[topic] = self._node.create_publisher(JointState, topic, reliable(1))
        message = joints_message(joints)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._measured[topic].publish(message)


def offer_services(node: Node, bridge: Bridge, recover: Callable[[int], Answer], topics: Topics) -> None:
    """What people may ask of the bridge, each answered in one sentence, which is logged too."""
    now = time.monotonic_ns

    def offer(kind: type, name: str, ask: Callable[[Any], Answer]) -> None:
        def callback(request: Any, response: Any) -> Any:
            answer = ask(request)
            node.get_logger().info(answer.text)
            response.success, response.message = answer.accepted, answer.text
            return response

        node.create_service(kind, name, callback)

    offer(Trigger, topics.arm, lambda _: bridge.arm(node.count_publishers(topics.target), now()))
    offer(Trigger, topics.disarm, lambda _: bridge.disarm())
    offer(Trigger, topics.home, lambda _: bridge.home(now()))
    offer(Trigger, topics.recover, lambda _: recover(now()))
    offer(SetBool, topics.takeover, lambda r: bridge.take_over(now()) if r.data else bridge.give_back(now()))
