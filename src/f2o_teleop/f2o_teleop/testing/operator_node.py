"""A simulated operator of a running graph: arms the bridge, commands the recorder, and waits for states (ROS)."""

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


class Operator(Node):
    """State of recorder and bridge as last received, and commands to both.

    Args:
        check: raises where a process of the graph has ended.
        name: of the node.

    Attributes: recorder (its state), note (its last sentence), path (its bag), mode (the bridge's), saved (a count).
    """

    def __init__(self, check: Callable[[], None], name: str = "person") -> None:
        super().__init__(name)
        self._check = check
        self.recorder, self.note, self.path, self.mode, self.saved = "", "", "", "", 0
        self._arm, self._disarm = (self.create_client(Trigger, f"f2o/{verb}") for verb in ("arm", "disarm"))
        self._commands = self.create_publisher(String, "f2o/episode/command", reliable(10))
        self.create_subscription(String, "f2o/episode/state", self._on_state, latched())
        self.create_subscription(String, "f2o/mode", self._on_mode, latched())

    def _on_state(self, message: String) -> None:
        state = json.loads(message.data)
        now, self.note, self.path = state["state"], state["note"], state["path"]
        self.saved += now == "saved" != self.recorder
        self.recorder = now

    def _on_mode(self, message: String) -> None:
        self.mode = message.data

    def arm(self, mode: str) -> None:
        """Arm the bridge until it is in ``mode``; out of a fault by disarming.

        Raises:
            TeleopError: it is not within a minute. Whatever ``check`` raises.
        """
        self.until(self._arm.service_is_ready, "the bridge")
        deadline = time.monotonic() + PATIENCE_S
        while self.mode != mode and time.monotonic() < deadline:
            ask = self._disarm if self.mode == "fault" else self._arm
            rclpy.spin_until_future_complete(self, ask.call_async(Trigger.Request()), timeout_sec=2.0)
            self.spin(0.5)
        self.until(lambda: self.mode == mode, f"the bridge to be in {mode}")

    def command(self, text: str, state: str) -> None:
        """Send a command to the recorder and wait until it is in ``state``.

        The command is repeated, because a recorder that was killed counts as a subscriber for a while.

        Raises:
            TeleopError: it is not within a minute. Whatever ``check`` raises.
        """
        self.until(lambda: self._commands.get_subscription_count() > 0, "the recorder")
        sent = 0.0

        def reached() -> bool:
            nonlocal sent
            if self.recorder != state and time.monotonic() - sent > AGAIN_S:
                self._commands.publish(String(data=text))
                sent = time.monotonic()
            return self.recorder == state

        self.until(reached, f"the recorder to be {state}")

    def spin(self, seconds: float) -> None:
        """Receive for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left)

    def until(self, met: Callable[[], bool], what: str) -> None:
        """Receive until a condition is met.

        Raises:
            TeleopError: it is not within a minute. Whatever ``check`` raises.
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
