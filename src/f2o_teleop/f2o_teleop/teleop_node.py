"""Teleoperation as a ROS node: device and joint states in, joint targets and episode commands out."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from f2o_nodekit.joints import JointStateError, read_gripper_width, read_joint_state, read_joint_target
from f2o_nodekit.pace import Pace
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_nodekit.stats import RateMeter
from geometry_msgs.msg import Twist
from rclpy.task import Future
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import String
from std_srvs.srv import SetBool

from f2o_msgs.msg import JointTarget
from f2o_teleop import convert
from f2o_teleop.device import SpacenavDevice
from f2o_teleop.keys import Keys
from f2o_teleop.teleop import UNDER_WAY, Teleop, make_device
from f2o_teleop.teleop_config import TeleopConfig


class TeleopNode(ConfiguredNode):
    """Publishes joint targets at `rate_hz` on a thread of its own; the bridge follows them only in mode teleop."""

    def __init__(self) -> None:
        super().__init__("teleop_node", TeleopConfig)
        topics = self.config.topics
        self._names, self._unread = list(self.config.joint_names), ""
        self._device = make_device(self.config)
        self._teleop = Teleop(self.config, self._device)
        self.create_subscription(JointState, topics.joint_states, self._on_joints, self.best_effort(1))
        self.create_subscription(JointState, topics.gripper_states, self._on_gripper, self.best_effort(1))
        self.create_subscription(JointTarget, topics.command, self._on_command, self.best_effort(1))
        self.create_subscription(String, topics.mode, self._on_mode, self.latched())
        self.create_subscription(String, topics.episode_state, self._on_episode, self.latched())
        if isinstance(self._device, SpacenavDevice):
            self._subscribe_spacenav(self._device)
        self._targets = self.create_publisher(JointTarget, topics.target, self.reliable(1))
        self._sequence = count()
        self._commands = self.create_publisher(String, topics.episode_command, self.reliable(10))
        self._bridge = self.create_client(SetBool, topics.takeover)
        self._rate = RateMeter(250)
        self.add_diagnostics("teleop", self._diagnose)
        self._keys = Keys(self._teleop.offer_key)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teleop-loop", daemon=True)
        self._thread.start()

    def _subscribe_spacenav(self, device: SpacenavDevice) -> None:
        def on_twist(msg: Twist) -> None:
            device.offer_axes(convert.twist_axes(msg), time.monotonic_ns())

        def on_joy(msg: Joy) -> None:
            device.offer_buttons(tuple(bool(pressed) for pressed in msg.buttons))

        topics = self.config.topics
        self.create_subscription(Twist, topics.spacenav_twist, on_twist, self.best_effort(1))
        self.create_subscription(Joy, topics.spacenav_joy, on_joy, self.best_effort(10))

    def close(self) -> None:
        """Stop the loop and close the devices."""
        self._end.set()
        self._thread.join()
        self._keys.close()
        self._device.close()

    def _on_joints(self, msg: JointState) -> None:
        with self._reading(self.config.topics.joint_states):
            positions = read_joint_state(msg, self._names).positions
            self._teleop.offer_joints(positions, time.monotonic_ns())

    def _on_gripper(self, msg: JointState) -> None:
        with self._reading(self.config.topics.gripper_states):
            self._teleop.offer_width(read_gripper_width(msg, self.config.finger_joint_names))

    def _on_command(self, msg: JointTarget) -> None:
        with self._reading(self.config.topics.command):
            sent = read_joint_target(msg, self._names).positions
            self._teleop.offer_command(sent, msg.gripper_width, time.monotonic_ns())

    @contextmanager
    def _reading(self, topic: str) -> Iterator[None]:
        """Ignore a message that cannot be used; the diagnostics say why."""
        try:
            yield
        except JointStateError as error:
            self._unread = f"{topic}: {error}"

    def _on_mode(self, msg: String) -> None:
        self._teleop.mode = msg.data

    def _on_episode(self, msg: String) -> None:
        self._teleop.recording = convert.episode_state(msg.data) in UNDER_WAY

    def _run(self) -> None:
        pace = Pace(1.0 / self.config.rate_hz, phase_s=0.0)  # in phase with the policy
        while not self._end.is_set():
            pace.wait()
            self._tick(time.monotonic_ns())

    def _tick(self, mono_ns: int) -> None:
        tick = self._teleop.tick(mono_ns)
        for command in tick.commands:
            self._commands.publish(String(data=command))
        if tick.take_over is not None:
            self._ask_bridge(tick.take_over)
        if tick.target is not None:
            now = self.get_clock().now().to_msg()
            message = JointTarget(joint_names=self._names)
            self._targets.publish(convert.fill_target(message, tick.target, now, next(self._sequence)))
            self._rate.tick(mono_ns)

    def _ask_bridge(self, take_over: bool) -> None:
        if not self._bridge.service_is_ready():
            self.get_logger().warning(f"takeover: service {self._bridge.srv_name} is not available")
            return
        self._bridge.call_async(SetBool.Request(data=take_over)).add_done_callback(self._on_answer)

    def _on_answer(self, asked: Future) -> None:
        if (answer := asked.result()) is not None:
            self.get_logger().info(answer.message)

    def _diagnose(self) -> Diagnosis:
        teleop = self._teleop
        values = {
            "target_hz": self._rate.hz(time.monotonic_ns()),
            "unread": self._unread or "none",
            **teleop.values(),
        }
        if not self._thread.is_alive():
            return 2, "the loop has ended", values
        return int(bool(teleop.device_status)), teleop.device_status or "ok", values


def main() -> None:
    """Entry point of `ros2 run f2o_teleop teleop_node`."""
    sys.exit(run(TeleopNode))


if __name__ == "__main__":
    main()
