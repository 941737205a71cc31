"""``f2o bag replay`` as a ROS node: sends joint targets of source "replay" to the bridge, which moves the arm."""

from __future__ import annotations

from array import array
from contextlib import suppress
from itertools import count

import numpy as np
import rclpy
from f2o_bags.signals import ended_by_signals
from f2o_nodekit.joints import JointStateError, read_gripper_width, read_joint_state
from f2o_nodekit.robot import recorded_names
from f2o_nodekit.ros import best_effort, latched, patient_publisher, reliable
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from f2o_msgs.msg import JointTarget
from f2o_teleop.priority import set_niceness
from f2o_teleop.replay import (
    MODE,
    Replay,
    ReplayResult,
    ReplayTarget,
    Trajectory,
    run_replay,
    wait_for_bridge,
)

SOURCE = "replay"
FINGERS = ("finger_joint1", "finger_joint2")
NICENESS = -10  # where permitted: a target that is 0.1 s late makes the bridge hold


class ReplayNode(Node):
    """The ``BridgeClient`` of a replay, on whatever Franka arm there is: targets name the joints canonically."""

    def __init__(self, joint_names: tuple[str, ...], namespace: str) -> None:
        super().__init__("bag_replay", namespace=namespace)
        self._names = joint_names
        self._joints: np.ndarray | None = None
        self._width, self.mode = 0.0, ""
        self._targets = patient_publisher(self, JointTarget, "f2o/joint_target", reliable(1))
        self._sequence = count()
        self._bridge = {verb: self.create_client(Trigger, f"f2o/{verb}") for verb in ("arm", "disarm")}
        heard = self.create_subscription(JointState, "franka/joint_states", self._on_joints, best_effort(1))
        self.joint_states = heard.topic_name
        self.create_subscription(JointState, "franka_gripper/joint_states", self._on_gripper, best_effort(1))
        self.create_subscription(String, "f2o/mode", self._on_mode, latched())

    def _on_joints(self, msg: JointState) -> None:
        with suppress(JointStateError):  # a message without the joints is ignored
            self._joints = read_joint_state(msg, recorded_names(msg.name, self._names)).positions

    def _on_gripper(self, msg: JointState) -> None:
        with suppress(JointStateError):
            self._width = read_gripper_width(msg, recorded_names(msg.name, FINGERS))

    def _on_mode(self, msg: String) -> None:
        self.mode = msg.data

    def receive(self) -> None:
        """Take in up to four of the messages that have arrived, because the next target is due."""
        for _ in range(4):
            rclpy.spin_once(self, timeout_sec=0.0)

    def measured(self) -> np.ndarray | None:
        """Measured joints [rad] and gripper [m], (8,); None before the first joint state."""
        return None if self._joints is None else np.append(self._joints, self._width)

    def request(self, verb: str) -> str:
        """Request the bridge to arm or disarm; returns why it refuses, or ''."""
        if not self._bridge[verb].service_is_ready():
            return f"service {self.resolve_service_name(self._bridge[verb].srv_name)} is not available"
        future = self._bridge[verb].call_async(Trigger.Request())
        rclpy.spin_until_future_complete(self, future, timeout_sec=2.0)
        answer = future.result()
        return "no answer" if answer is None else "" if answer.success else answer.message

    def send(self, target: ReplayTarget) -> None:
        """Publish one target, due now."""
        message = JointTarget(source=SOURCE, sequence=next(self._sequence), joint_names=list(self._names))
        message.header.stamp = self.get_clock().now().to_msg()
        message.joint_positions = array("d", target.positions[:-1])
        message.joint_velocities = array("d", target.velocities[:-1])
        message.gripper_width = float(target.positions[-1])
        self._targets.publish(message)


def replay(
    trajectory: Trajectory, speed: float, arm: bool, wait_s: float, namespace: str = "", progress: bool = True
) -> ReplayResult | None:
    """Replay ``trajectory`` by the arm in ``namespace`` once its bridge is in mode replay; None if a signal ended it.

    Raises:
        PlayError: no arm, no bridge in the mode replay within ``wait_s``, or the bridge left that mode.
    """
    with ended_by_signals() as ended:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        node = ReplayNode(trajectory.names, namespace)
        set_niceness(NICENESS)
        try:
            if not wait_for_bridge(node, arm, wait_s, ended) or (start := node.measured()) is None:
                return None
            return run_replay(node, Replay(start, trajectory, speed), ended, progress)
        finally:
            if arm and node.mode == MODE:
                node.request("disarm")
            node.destroy_node()
            rclpy.try_shutdown()
