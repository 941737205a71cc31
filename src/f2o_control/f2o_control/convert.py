"""ROS messages to and from the bridge's data."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from f2o_nodekit.ros import patient_publisher, reliable
from f2o_nodekit.stamps import NS_PER_S, from_ns, to_ns
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from f2o_control.adapters import Adapter, AdapterStatus, NamedJoints, Numbers, TrajectoryPlan
from f2o_control.bridge import Answer, Bridge, Sent
from f2o_control.config import Topics
from f2o_control.target import RawTarget
from f2o_msgs.msg import JointTarget

COMMAND_LIFESPAN_S = 0.1
"""A reliable writer sends again what did not arrive: plugged in again, a cable would bring the arm the last command of
before, to be started on reception, although the bridge has stopped the arm by then. Fast DDS and CycloneDDS count their
life on the clock of the PC that sends them: two PCs whose clocks differ lose no command by it."""


def raw_target(msg: JointTarget) -> RawTarget:
    """A target message, unchecked."""
    return RawTarget(
        names=tuple(msg.joint_names),
        positions=msg.joint_positions,
        velocities=msg.joint_velocities,
        gripper_width=msg.gripper_width,
        due_ros_ns=to_ns(msg.header.stamp),
        source=msg.source,
        sequence=msg.sequence,
        observation_ros_ns=to_ns(msg.observation_stamp),
    )


def command_message(sent: Sent, joint_names: tuple[str, ...]) -> JointTarget:
    """The message of /f2o/joint_command."""
    msg = JointTarget(source=sent.source, sequence=sent.sequence, joint_names=list(joint_names))
    msg.header.stamp = from_ns(sent.due_ros_ns, Time)
    msg.observation_stamp = from_ns(sent.observation_ros_ns, Time)
    msg.joint_positions = _doubles(sent.command.state.position)
    msg.joint_velocities = _doubles(sent.command.state.velocity)
    msg.gripper_width = sent.gripper_width
    return msg


def _doubles(values: np.ndarray) -> array[float]:
    """As message fields need them; through bytes, which is ten times faster than by element."""
    return array("d", values.tobytes())


def trajectory_message(plan: TrajectoryPlan) -> JointTrajectory:
    """A trajectory.

    Messages are reused per number of points: allocating one costs more than the plan.
    """
    msg = _trajectory_of(plan.joint_names, len(plan.times_ns))
    msg.header.stamp = from_ns(plan.start_ros_ns, Time)
    for point, ns, positions, velocities in zip(
        msg.points, plan.times_ns.tolist(), plan.positions, plan.velocities, strict=True
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
    """A JointState without a stamp."""
    return JointState(
        name=list(joints.joint_names),
        position=_doubles(joints.positions),
        velocity=_doubles(joints.velocities),
    )


def numbers_message(numbers: Numbers) -> Float64MultiArray:
    """A Float64MultiArray without a layout."""
    return Float64MultiArray(data=_doubles(numbers.values))


def width_message(width: float) -> Float64MultiArray:
    """A gripper goal [m]."""
    return Float64MultiArray(data=array("d", [width]))


MESSAGES: dict[type, tuple[type, Callable[[Any], Any]]] = {
    TrajectoryPlan: (JointTrajectory, trajectory_message),
    NamedJoints: (JointState, joints_message),
    Numbers: (Float64MultiArray, numbers_message),
}


def _publisher(node: Node, kind: type, topic: str) -> Callable[[Any, Callable[[], bool]], bool]:
    message, encode = MESSAGES[kind]
    publisher = patient_publisher(node, message, topic, reliable(1, COMMAND_LIFESPAN_S))

    def publish(outgoing: Any, in_time: Callable[[], bool]) -> bool:
        msg = encode(outgoing)
        return in_time() and publisher.send(msg)

    return publish


class AdapterPort:
    """The ROS side of an adapter: publishes its output, and the joints and gripper that it measures.

    ``grip`` is called with the gripper's goals [m], beside their topic.
    """

    def __init__(
        self,
        node: Node,
        adapter: Adapter,
        topics: Topics,
        finger_names: tuple[str, ...],
        grip: Callable[[float], None] = lambda width: None,
    ) -> None:
        self._node, self._adapter, self._topics = node, adapter, topics
        self._fingers = finger_names
        self._grip = grip
        self._publish: Callable[[Any, Callable[[], bool]], bool] | None = None
        if adapter.output is not None:
            self._publish = _publisher(node, adapter.output.kind, getattr(topics, adapter.output.topic))
        self._widths = node.create_publisher(Float64MultiArray, topics.gripper_command, reliable(1))
        self._measured: dict[str, Publisher] = {}  # by topic, for adapters that measure

    def send(self, sent: Sent, in_time: Callable[[], bool] = lambda: True) -> bool:
        """Send a tick's command, and the gripper's goal if there is a new one; whether it was sent, ``in_time``."""
        if self._publish is None and not in_time():
            return False
        outgoing = self._adapter.send(sent.command, sent.gripper_width)
        if outgoing is not None and self._publish is not None and not self._publish(outgoing, in_time):
            self._adapter.take_back()
            return False
        if sent.gripper_goal is not None and not self._adapter.commands_gripper:
            self._widths.publish(width_message(sent.gripper_goal))
            self._grip(sent.gripper_goal)
        return True

    def poll(self, mono_ns: int) -> AdapterStatus:
        """The adapter's status; its measurements are published as joint states."""
        status = self._adapter.poll(mono_ns)
        if status.joints is not None:
            self._publish_joints(self._topics.joint_states, status.joints)
        if status.gripper_width is not None:
            count = len(self._fingers)
            shares = np.full(count, status.gripper_width / count)
            self._publish_joints(
                self._topics.gripper_states, NamedJoints(self._fingers, shares, np.zeros(count))
            )
        return status

    def _publish_joints(self, topic: str, joints: NamedJoints) -> None:
        if topic not in self._measured:
            self._measured[topic] = self._node.create_publisher(JointState, topic, reliable(1))
        message = joints_message(joints)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._measured[topic].publish(message)


def offer_services(
    node: Node, bridge: Bridge, arm: Callable[[], Answer], recover: Callable[[int], Answer], topics: Topics
) -> None:
    """Offer the operator services of the bridge; each answer is logged, too."""
    now = time.monotonic_ns

    def offer(kind: type, name: str, ask: Callable[[Any], Answer]) -> None:
        def callback(request: Any, response: Any) -> Any:
            answer = ask(request)
            node.get_logger().info(answer.text)
            response.success, response.message = answer.accepted, answer.text
            return response

        node.create_service(kind, name, callback)

    offer(Trigger, topics.arm, lambda _: arm())
    offer(Trigger, topics.disarm, lambda _: bridge.disarm())
    offer(Trigger, topics.home, lambda _: bridge.home(now()))
    offer(Trigger, topics.recover, lambda _: recover(now()))
    offer(SetBool, topics.takeover, lambda r: bridge.take_over(now()) if r.data else bridge.give_back(now()))
