"""Teleoperation as a ROS node: device and joint states in, joint targets and episode commands out."""

import sys
import threading
import time
from itertools import count

from f2o_nodekit.joints import read_gripper_width, read_joint_state, read_joint_target
from f2o_nodekit.pace import Pace
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_nodekit.stats import RateMeter
from f2o_nodekit.unread import Unread
from geometry_msgs.msg import Twist
from rclpy.task import Future
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool

from f2o_msgs.msg import JointTarget
from f2o_teleop import convert
from f2o_teleop.device import SpacenavDevice
from f2o_teleop.keyboard import KeyboardDevice
from f2o_teleop.keys import Keys
from f2o_teleop.mapping import NOT_MAPPED
from f2o_teleop.teleop import UNDER_WAY, Teleop, make_device
from f2o_teleop.teleop_config import TeleopConfig


class TeleopNode(ConfiguredNode):
    """Publishes joint targets at `rate_hz` on a thread of its own; the bridge follows them only in mode teleop."""

    def __init__(self) -> None:
        super().__init__("teleop_node", TeleopConfig)
        topics = self.config.topics
        self._device, self._unread = make_device(self.config), Unread()
        self._teleop = Teleop(self.config, self._device)
        self._robot = self._teleop.robot
        self._names = list(self._robot.canonical_names)
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
        self._switch = None
        if (
            self.config.buttons.enable != NOT_MAPPED
        ):  # best effort: what could not be sent in time must not come later
            self._switch = self.create_publisher(Bool, topics.enable, self.best_effort(1))
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
        with self._unread.reading(self.config.topics.joint_states):
            positions = read_joint_state(msg, self._robot.joint_names).positions
            self._teleop.offer_joints(positions, time.monotonic_ns())

    def _on_gripper(self, msg: JointState) -> None:
        topic = self.config.topics.gripper_states
        with self._unread.reading(topic):
            self._teleop.offer_width(read_gripper_width(msg, self._robot.finger_joint_names))
        self._teleop.unread_gripper = self._unread.coming(topic)

    def _on_command(self, msg: JointTarget) -> None:
        with self._unread.reading(self.config.topics.command):
            sent = read_joint_target(msg, self._names).positions
            self._teleop.offer_command(sent, msg.gripper_width, time.monotonic_ns())

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
        if isinstance(self._device, KeyboardDevice) and self._keys.ended:
            self._device.status = f"keyboard: {self._keys.ended}"
        tick = self._teleop.tick(mono_ns)
        if self._switch is not None:
            self._switch.publish(Bool(data=tick.enabled))
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
        teleop, topics, now = self._teleop, self.config.topics, time.monotonic_ns()
        values = {"target_hz": self._rate.hz(now), **self._unread.values(), **teleop.values()}
        if not self._thread.is_alive():
            return 2, "the loop has ended", values
        level, problem = teleop.no_target(now, self._unread.coming(topics.joint_states))
        failed = "" if teleop.device_status in problem else teleop.device_status
        found = [problem, failed, self._unread.coming(topics.command)]
        found += [] if level else [self._unread.coming(topics.gripper_states)]
        problems = "; ".join(filter(None, found))
        return max(level, int(bool(problems))), problems or "ok", values


def main() -> None:
    """Entry point of `ros2 run f2o_teleop teleop_node`."""
    sys.exit(run(TeleopNode))


if __name__ == "__main__":
    main()
