"""The bridge as a ROS node."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from f2o_nodekit.joints import JointStateError, read_gripper_width, read_joint_state
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_nodekit.stamps import to_ns
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from f2o_control import convert
from f2o_control.adapters import make_adapter
from f2o_control.bridge import Bridge, Sent
from f2o_control.config import BridgeConfig
from f2o_control.franka_convert import Franka
from f2o_control.loop import Loop
from f2o_control.report import diagnose
from f2o_control.robot import load_robot
from f2o_control.state import Mode
from f2o_control.trace import Trace
from f2o_msgs.msg import JointTarget


class BridgeNode(ConfiguredNode):
    """Joint targets in, joint commands within the limits out, at ``rate_hz`` on a thread of its own."""

    def __init__(self) -> None:
        # Parameters
        super().__init__("bridge_node", BridgeConfig)
        config, self._topics = self.config, self.config.topics
        self._robot = load_robot(Path(self.config_path).with_name(f"robot_{config.robot}.yaml"))
        # Inputs
        self._unread: dict[str, str] = {}  # topic -> why its last message could not be used
        sensor, command = self.best_effort(1), self.reliable(1)
        self.create_subscription(JointTarget, self._topics.target, self._on_target, command)
        self.create_subscription(JointState, self._topics.joint_states, self._on_joint_states, sensor)
        self.create_subscription(JointState, self._topics.gripper_states, self._on_gripper_states, sensor)
        # Core
        self._adapter = make_adapter(config.adapter, self._robot, config.stop_points, config.udp)
        self._bridge = Bridge(self._robot, config, self._poll_adapter)
        self._trace = Trace()
        pace = (config.rate_hz, config.phase_s, config.fifo_priority)
        self._loop = Loop(self._bridge, *pace, self.now_ns, self._publish, self._publish_mode)
        self._franka = Franka(self, self._bridge, self._adapter, config.franka)
        self._port = convert.AdapterPort(
            self, self._adapter, self._topics, self._robot.finger_joint_names, self._franka.request
        )
        convert.offer_services(self, self._bridge, self._franka.recover, self._topics)
        if config.source == Mode.POLICY.value:
            topic = self._topics.takeover_target
            self.create_subscription(JointTarget, topic, self._on_takeover_target, command)
        # Outputs
        self._commands = self.create_publisher(JointTarget, self._topics.command, command)
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

    def _on_target(self, msg: JointTarget) -> None:
        self._bridge.offer_target(convert.raw_target(msg), self.now_ns(), time.monotonic_ns())

    def _on_takeover_target(self, msg: JointTarget) -> None:
        raw = convert.raw_target(msg)
        self._bridge.offer_target(raw, self.now_ns(), time.monotonic_ns(), Mode.TELEOP)

    def _on_joint_states(self, msg: JointState) -> None:
        try:
            positions = read_joint_state(msg, self._robot.joint_names).positions
        except JointStateError as error:
            self._unread[self._topics.joint_states] = str(error)
        else:
            self._bridge.offer_joints(positions, time.monotonic_ns(), to_ns(msg.header.stamp))

    def _on_gripper_states(self, msg: JointState) -> None:
        try:
            self._bridge.offer_gripper(read_gripper_width(msg, self._robot.finger_joint_names))
        except JointStateError as error:
            self._unread[self._topics.gripper_states] = str(error)

    def _poll_adapter(self, mono_ns: int) -> str:
        """Why the adapter cannot be used, or ''; joints that it measures count as joint states."""
        status = self._port.poll(mono_ns)
        if status.joints is not None:
            self._bridge.offer_joints(status.joints.positions, mono_ns)
        return status.problem

    def _poll_slowly(self) -> None:
        """What is not urgent within a tick: publishers, the driver's actions, the mode for the log."""
        sources = self._bridge.sources.values()
        self._bridge.count_publishers({s.mode: self.count_publishers(s.topic) for s in sources})
        self._franka.step(time.monotonic_ns())
        mode, reason = self._bridge.mode.value, self._bridge.machine.reason
        if mode != self._logged:  # here and not in the loop, which must not wait for a terminal
            self._logged = mode
            self.get_logger().info(f"{mode}: {reason}")

    def _publish(self, sent: Sent) -> None:
        """Send one tick's command, then publish it."""
        self._port.send(sent)
        self._commands.publish(convert.command_message(sent, self._robot.joint_names))
        if self.config.trace and sent.taken is not None:
            self._trace.target(sent.taken, time.monotonic_ns())

    def _publish_mode(self, mode: str) -> None:
        self._modes.publish(String(data=mode))

    def _diagnose(self) -> Diagnosis:
        unread = {f"unread {topic}": why for topic, why in self._unread.items()}
        return diagnose(self._bridge, self._loop, time.monotonic_ns(), self._franka.values() | unread)


def main() -> None:
    """Run the node."""
    sys.exit(run(BridgeNode))


if __name__ == "__main__":
    main()
