"""The bridge as a ROS node."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from f2o_nodekit.joints import read_gripper_width, read_joint_state
from f2o_nodekit.robot import robot_file
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, reliable, run
from f2o_nodekit.stamps import to_ns
from f2o_nodekit.unread import Unread
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String

from f2o_control import convert
from f2o_control.adapters import make_adapter
from f2o_control.bridge import Answer, Bridge, Sent
from f2o_control.config import BridgeConfig
from f2o_control.contact_convert import Thresholds, listen_to_arm
from f2o_control.franka_convert import Franka, listen_to_controller
from f2o_control.loop import Loop
from f2o_control.report import Contacts, diagnose
from f2o_control.robot import Joints, load_robot
from f2o_control.state import Mode
from f2o_control.trace import Trace
from f2o_msgs.msg import JointTarget


class BridgeNode(ConfiguredNode):
    """Joint targets in, joint commands within the limits out, at ``rate_hz`` on a thread of its own."""

    def __init__(self) -> None:
        # Parameters
        super().__init__("bridge_node", BridgeConfig)
        config, self._topics = self.config, self.config.topics
        self._robot = load_robot(robot_file(config.robot))
        # Inputs
        self._unread = Unread()
        sensor, command = self.best_effort(1), self.reliable(1)
        self.create_subscription(JointTarget, self._topics.target, self._on_target, command)
        self.create_subscription(JointState, self._topics.joint_states, self._on_joint_states, sensor)
        self.create_subscription(JointState, self._topics.gripper_states, self._on_gripper_states, sensor)
        # Core
        self._adapter = make_adapter(config.adapter, self._robot, config.udp)
        self._bridge = Bridge(self._robot, config, self._poll_adapter, self._adapter.follows_stop)
        self._trace, self._contacts = Trace(), Contacts()
        pace = (config.rate_hz, config.phase_s, config.fifo_priority)
        self._loop = Loop(self._bridge, *pace, self.now_ns, self._publish, self._publish_mode)
        self._franka = Franka(
            self, self._bridge, self._adapter, config.franka, lambda: self._thresholds.again()
        )
        self._held_unheard = listen_to_controller(
            self, self._adapter, self._topics.controller_state, self._robot.joint_names, self._on_held
        )
        self._arm_unheard = listen_to_arm(self, self._adapter, self._topics.robot_state, self._on_arm_state)
        collision = self._robot.thresholds(config.profile)
        self._thresholds = Thresholds(self, self._bridge, self._adapter, config.franka, collision)
        self._port = convert.AdapterPort(
            self, self._adapter, self._topics, self._robot.finger_joint_names, self._franka.request
        )
        convert.offer_services(self, self._bridge, self._arm, self._franka.recover, self._topics)
        self._listen_to_switch()
        if config.source == Mode.POLICY.value:
            topic = self._topics.takeover_target
            self.create_subscription(JointTarget, topic, self._on_takeover_target, command)
        # Outputs
        self._commands = self.create_publisher(
            JointTarget, self._topics.command, reliable(1, convert.COMMAND_LIFESPAN_S)
        )
        self._modes = self.create_publisher(String, self._topics.mode, self.latched())
        # Diagnostics
        self.add_diagnostics("bridge", self._diagnose)
        self._logged = ""
        self.create_timer(0.1, self._poll_slowly)
        self._loop.start()

    def close(self) -> None:
        """Bring the arm to rest and end the loop."""
        self._loop.stop()
        self._adapter.close()
        if self.config.trace and (problem := self._trace.try_save(self.config.trace)):
            self.get_logger().error(problem)

    def _listen_to_switch(self) -> None:
        """The enable switch; best effort, because a "held" of before that is sent again would be the newest word."""
        if not self.config.enable.required:
            self.get_logger().info("enable.required: false: the arm moves without a hold-to-run switch")
            return
        self.create_subscription(Bool, self._topics.enable, self._on_enable, self.best_effort(1))

    def _on_enable(self, msg: Bool) -> None:
        self._bridge.enable.offer(msg.data, time.monotonic_ns())

    def _on_target(self, msg: JointTarget) -> None:
        self._bridge.offer_target(convert.raw_target(msg), self.now_ns(), time.monotonic_ns())

    def _on_takeover_target(self, msg: JointTarget) -> None:
        raw = convert.raw_target(msg)
        self._bridge.offer_target(raw, self.now_ns(), time.monotonic_ns(), Mode.TELEOP)

    def _on_joint_states(self, msg: JointState) -> None:
        with self._unread.reading(self._topics.joint_states):
            positions = read_joint_state(msg, self._robot.joint_names).positions
            stamp_ns = to_ns(msg.header.stamp)
            self._bridge.offer_joints(positions, time.monotonic_ns(), stamp_ns, self.now_ns())

    def _on_held(self, positions: Joints) -> None:
        self._bridge.offer_held(positions, time.monotonic_ns())

    def _on_arm_state(self, stopped: str, contact: tuple[str, ...]) -> None:
        self._bridge.offer_report(stopped, time.monotonic_ns())
        self._contacts.add(contact)

    def _on_gripper_states(self, msg: JointState) -> None:
        with self._unread.reading(self._topics.gripper_states):
            self._bridge.offer_gripper(read_gripper_width(msg, self._robot.finger_joint_names))

    def _poll_adapter(self, mono_ns: int) -> str:
        """Why the adapter cannot be used, or ''; joints that it measures count as joint states."""
        status = self._port.poll(mono_ns)
        self._contacts.add(status.contact)
        if status.joints is not None:
            self._bridge.offer_joints(status.joints.positions, mono_ns)
        return status.problem

    def _poll_slowly(self) -> None:
        """What is not urgent within a tick: publishers, the driver's actions, the mode for the log."""
        self._count_publishers()
        self._bridge.unread_joints = self._unread.coming(self._topics.joint_states)
        self._franka.step(time.monotonic_ns())
        self._thresholds.step(time.monotonic_ns())
        mode, reason = self._bridge.mode.value, self._bridge.machine.reason
        if mode != self._logged:  # here and not in the loop, which must not wait for a terminal
            self._logged = mode
            self.get_logger().info(f"{mode}: {reason}")

    def _count_publishers(self) -> None:
        """Tell the bridge who else publishes where only one may."""
        topics, output = self._topics, self._adapter.output
        # In this order: of several, the first is told.
        single = [getattr(topics, output.topic)] if output is not None else []
        single += [topics.joint_states, *(source.topic for source in self._bridge.sources.values())]
        single += [topics.gripper_command, *([topics.enable] if self.config.enable.required else [])]
        self._bridge.count_publishers({topic: self._publishers_on(topic) for topic in single})

    def _publishers_on(self, topic: str) -> list[str]:
        """Their names where there is more than one: to look them up takes long, with Python's lock held."""
        if self.count_publishers(topic) < 2:
            return []
        ends = self.get_publishers_info_by_topic(topic)
        return [_node_name(end) for end in ends]

    def _arm(self) -> Answer:
        self._count_publishers()  # now, and not a tenth of a second ago
        return self._bridge.arm(time.monotonic_ns())

    def _publish(self, sent: Sent, in_time: Callable[[], bool]) -> bool:
        """Send one tick's command, then publish it."""
        if not self._port.send(sent, in_time):
            return False
        self._commands.publish(convert.command_message(sent, self._robot.canonical_names))
        if self.config.trace and sent.taken is not None:
            self._trace.target(sent.taken, time.monotonic_ns())
        return True

    def _publish_mode(self, mode: str) -> None:
        self._modes.publish(String(data=mode))

    def _diagnose(self) -> Diagnosis:
        values, gripper = self._franka.values() | self._unread.values(), self._topics.gripper_states
        values["controller_state"] = self._held_unheard or "heard"
        values["robot_state"] = self._arm_unheard or self._bridge.report_state(time.monotonic_ns())
        values["thresholds"] = self._thresholds.state
        values["enable"] = self._bridge.enable.state(time.monotonic_ns())
        unread, contact = self._unread.coming(gripper), self._contacts.take()
        return diagnose(self._bridge, self._loop, time.monotonic_ns(), values, unread, contact)


def _node_name(end: TopicEndpointInfo) -> str:
    """Its full name; rmw discovers a publisher first and who it belongs to a moment later."""
    if "_UNKNOWN_" in end.node_name:
        return "a node whose name is not known yet"
    return f"{end.node_namespace.rstrip('/')}/{end.node_name}"


def main() -> None:
    """Run the node."""
    sys.exit(run(BridgeNode))


if __name__ == "__main__":
    main()
