"""The person beside a recording session: arms the bridge once, and waits (ROS)."""

from __future__ import annotations

import json
import time

import rclpy
from f2o_control.processes import Running
from f2o_nodekit.ros import latched
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tqdm import tqdm

from f2o_teleop.errors import TeleopError

PATIENCE_S = 120.0  # for the graph to come up, and from one saved episode to the next


class Beside(Node):
    """Hears the recorder and the bridge."""

    def __init__(self) -> None:
        super().__init__("beside")
        self.saved: set[str] = set()
        self.state, self.mode = "", ""
        self._arm = self.create_client(Trigger, "/f2o/arm")
        self.create_subscription(String, "/f2o/episode/state", self._on_state, latched())
        self.create_subscription(String, "/f2o/mode", self._on_mode, latched())

    def _on_state(self, message: String) -> None:
        told = json.loads(message.data)
        self.state = told["state"]
        if self.state == "saved":
            self.saved.add(told["path"])

    def _on_mode(self, message: String) -> None:
        self.mode = message.data

    def arm_if_needed(self) -> None:
        """Ask the bridge, as long as it does not follow."""
        if self.mode in ("", "disarmed", "hold") and self._arm.service_is_ready():
            future = self._arm.call_async(Trigger.Request())
            rclpy.spin_until_future_complete(self, future, timeout_sec=2.0)


def wait_for(running: Running, episodes: int) -> None:
    """Until so many episodes are saved; 0: until the graph ends by itself.

    Raises:
        TeleopError: nothing is saved for two minutes. EndedError: a node has ended.
    """
    if not episodes:
        running.wait()
        return
    rclpy.init()
    node = Beside()
    deadline = time.monotonic() + PATIENCE_S
    try:
        with tqdm(total=episodes, unit="episode") as bar:
            while len(node.saved) < episodes:
                running.check()
                rclpy.spin_once(node, timeout_sec=0.2)
                node.arm_if_needed()
                if len(node.saved) > bar.n:
                    bar.update(len(node.saved) - bar.n)
                    deadline = time.monotonic() + PATIENCE_S
                if time.monotonic() > deadline:
                    raise TeleopError(
                        f"no episode saved for {PATIENCE_S:g} s; recorder {node.state}, mode {node.mode}"
                    )
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
