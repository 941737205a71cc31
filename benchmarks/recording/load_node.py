"""The load of a recording session: RGB-D views and an arm, published from serialised bytes at a steady rate (ROS)."""

from __future__ import annotations

import json
import threading
import time
from array import array
from collections.abc import Callable
from typing import Any

import rclpy
from f2o_bags.convert import message_class
from f2o_bags.stamps import with_stamp
from f2o_nodekit.pace import Pace
from f2o_nodekit.ros import latched, reliable
from f2o_teleop.errors import TeleopError
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import String

from benchmarks.recording import messages

ARM, GRIPPER = "/franka/joint_states", "/franka_gripper/joint_states"
TICK_HZ = 125
WAIT_S = 30.0
TOLD_AGAIN_S = 3.0


class Load:
    """Publishes from a thread, and keeps the stamp of everything that it sent."""

    def __init__(self, views: tuple[str, ...], width: int, height: int, camera_hz: float) -> None:
        rclpy.init()
        self.node = rclpy.create_node("load")
        self.sent: dict[str, array] = {}
        self._outputs: dict[str, tuple[Any, bytes]] = {}
        self._add(
            messages.JOINTS, ARM, messages.joint_state([f"panda_joint{i}" for i in range(1, 8)], [0.0] * 7)
        )
        self._add(messages.JOINTS, GRIPPER, messages.joint_state(["f1", "f2"], [0.04, 0.04]))
        self._images: list[str] = []
        for view in views:
            info = messages.camera_info(width, height)
            for stream, depth in (("color", False), ("aligned_depth_to_color", True)):
                self._add(messages.IMAGE, f"/{view}/{stream}/image_raw", messages.image(width, height, depth))
                self._add(messages.INFO, f"/{view}/{stream}/camera_info", info)
                self._images += [f"/{view}/{stream}/image_raw", f"/{view}/{stream}/camera_info"]
        self._every = max(1, round(TICK_HZ / camera_hz))
        self.camera_hz = TICK_HZ / self._every
        self.state: dict[str, Any] = {}
        self._killed_bag = ""  # of a recorder that was killed: its last state may still arrive
        self._gone: set[bytes] = set()  # its subscriptions: DDS counts them until their lease ends
        self.skipped = 0
        self.node.create_subscription(String, "/f2o/episode/state", self._on_state, latched())
        self._command = self.node.create_publisher(String, "/f2o/episode/command", reliable(10))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._end, self.paused = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _add(self, kind: str, topic: str, data: bytes) -> None:
        self._outputs[topic] = (self.node.create_publisher(message_class(kind), topic, reliable(5)), data)
        self.sent[topic] = array("q")

    def _on_state(self, message: String) -> None:
        state = json.loads(message.data)
        if not self._killed_bag or state["path"] != self._killed_bag:
            self.state = state

    def recorder_killed(self) -> None:
        """What is subscribed now is dead, and the bag of the last state is a killed recorder's."""
        self._killed_bag = self.state["path"]
        self._gone = {end for topic in self._heard() for end in self._subscriptions(topic)}

    def _heard(self) -> list[str]:
        return [*self._outputs, self._command.topic_name]

    def _subscriptions(self, topic: str) -> set[bytes]:
        return {bytes(end.endpoint_gid) for end in self.node.get_subscriptions_info_by_topic(topic)}

    def wait(self, state: str, subscribers: bool = False) -> None:
        """Wait until the recorder reports ``state``, and with ``subscribers`` until it subscribes to every topic, the
        commands' too: a start that is sent before is lost.

        Raises:
            TeleopError: it does not.
        """

        def there() -> bool:
            subscribed = not subscribers or all(self._subscriptions(t) - self._gone for t in self._heard())
            return subscribed and self.state.get("state") == state

        if not self._until(there, WAIT_S):
            raise TeleopError(
                f"recorder: expected the state {state} within {WAIT_S:g} s, it reports {self.state}"
            )

    def start(self) -> None:
        """Have the recorder start an episode; told again where it has not heard it, as an operator would.

        A recorder that takes the place of a killed one may be deaf until it starts anew (f2o_nodekit/hearing.py).

        Raises:
            TeleopError: it does not start one.
        """
        deadline = time.monotonic() + WAIT_S
        while self.state.get("state") != "recording" and time.monotonic() < deadline:
            self.command("start")
            self._until(lambda: self.state.get("state") == "recording", TOLD_AGAIN_S)
        self.wait("recording")

    def command(self, text: str) -> None:
        """Tell the recorder."""
        self._command.publish(String(data=text))

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.02)
        return condition()

    def now_ns(self) -> int:
        """ROS time."""
        return self.node.get_clock().now().nanoseconds

    def close(self) -> None:
        """End everything."""
        self._end.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def _run(self) -> None:
        pace = Pace(1 / TICK_HZ)
        while not self._end.is_set():
            tick = pace.wait()
            if self.paused.is_set():
                continue
            self.skipped += tick.skipped
            self._send(ARM)
            if tick.index % 8 == 0:
                self._send(GRIPPER)
            # The images of a period are spread over its ticks, as those of cameras without a common trigger are.
            share = -(-len(self._images) // self._every)
            first = tick.index % self._every * share
            for topic in self._images[first : first + share]:
                self._send(topic)

    def _send(self, topic: str) -> None:
        publisher, data = self._outputs[topic]
        stamp = self.now_ns()
        publisher.publish(with_stamp(data, stamp))
        self.sent[topic].append(stamp)
