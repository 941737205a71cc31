"""Somebody beside a running graph: hears recorder and bridge, arms, commands, and waits for what shall be (ROS)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import rclpy
from f2o_nodekit.ros import latched, reliable
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from f2o_teleop.errors import TeleopError

PATIENCE_S = 60.0
AGAIN_S = 3.0


class Company(Node):
    """What it has heard.

    Args:
        check: raises where a process of the graph has ended.
        name: of the node.

    Attributes: recorder (its state), note (its last sentence), path (its bag), mode (the bridge's), saved (a count).
    """

    def __init__(self, check: Callable[[], None], name: str = "person") -> None:
        super().__init__(name)
        self._check = check
        self.recorder, self.note, self.path, self.mode, self.saved = "", "", "", "", 0
        self._arm, self._disarm = (self.create_client(Trigger, f"/f2o/{verb}") for verb in ("arm", "disarm"))
        self._commands = self.create_publisher(String, "/f2o/episode/command", reliable(10))
        self.create_subscription(String, "/f2o/episode/state", self._on_state, latched())
        self.create_subscription(String, "/f2o/mode", self._on_mode, latched())

    def _on_state(self, message: String) -> None:
        told = json.loads(message.data)
        now, self.note, self.path = told["state"], told["note"], told["path"]
        self.saved += now == "saved" != self.recorder
        self.recorder = now

    def _on_mode(self, message: String) -> None:
        self.mode = message.data

    def arm(self, mode: str) -> None:
        """Ask the bridge until it is in ``mode``; out of a fault by disarming.

        Raises:
            TeleopError: it is not in a minute. Whatever ``check`` raises.
        """
        self.until(self._arm.service_is_ready, "the bridge")
        deadline = time.monotonic() + PATIENCE_S
        while self.mode != mode and time.monotonic() < deadline:
            ask = self._disarm if self.mode == "fault" else self._arm
            rclpy.spin_until_future_complete(self, ask.call_async(Trigger.Request()), timeout_sec=2.0)
            self.spin(0.5)
        self.until(lambda: self.mode == mode, f"the bridge to be in {mode}")

    def command(self, text: str, state: str) -> None:
        """Tell the recorder, again where it does not hear (one that was killed counts as a listener for a while), and
        wait until it is in ``state``.

        Raises:
            TeleopError: it is not in a minute. Whatever ``check`` raises.
        """
        self.until(lambda: self._commands.get_subscription_count() > 0, "the recorder")
        said = 0.0

        def told() -> bool:
            nonlocal said
            if self.recorder != state and time.monotonic() - said > AGAIN_S:
                self._commands.publish(String(data=text))
                said = time.monotonic()
            return self.recorder == state

        self.until(told, f"the recorder to be {state}")

    def spin(self, seconds: float) -> None:
        """Listen for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left)

    def until(self, met: Callable[[], bool], what: str) -> None:
        """Listen until something is so.

        Raises:
            TeleopError: it does not come to be. Whatever ``check`` raises.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            self._check()
            if time.monotonic() > deadline:
                raise TeleopError(
                    f"waited {PATIENCE_S:g} s for {what}; the recorder is {self.recorder or 'silent'}, the bridge "
                    f"in {self.mode or 'no mode'}"
                )
            rclpy.spin_once(self, timeout_sec=0.2)
