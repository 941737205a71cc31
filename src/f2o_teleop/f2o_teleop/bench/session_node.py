"""The person of a recording session: arms the bridge, and moves a SpaceMouse that is a pipe (ROS)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import rclpy
from f2o_control.processes import Running
from f2o_nodekit.ros import latched
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tqdm import tqdm

from f2o_teleop.bench import hands
from f2o_teleop.errors import TeleopError

PATIENCE_S = 60.0
REFUSALS = 10


class Person(Node):
    """Hears the recorder and the bridge; speaks as the device."""

    def __init__(self, running: Running, pipe: Path) -> None:
        super().__init__("person")
        self._running, self._pipe = (
            running,
            os.open(pipe, os.O_RDWR),
        )  # as a reader too: teleop_node may come later
        self.recorder, self.note, self.mode, self.saved = "", "", "", 0
        self._arm = self.create_client(Trigger, "/f2o/arm")
        self.create_subscription(String, "/f2o/episode/state", self._on_state, latched())
        self.create_subscription(String, "/f2o/mode", self._on_mode, latched())

    def _on_state(self, message: String) -> None:
        told = json.loads(message.data)
        now, self.note = told["state"], told["note"]
        self.saved += now == "saved" != self.recorder
        self.recorder = now

    def _on_mode(self, message: String) -> None:
        self.mode = message.data

    def arm(self) -> None:
        """Ask the bridge until it follows."""
        self.until(lambda: self.recorder != "" and self._arm.service_is_ready(), "recorder and bridge")
        deadline = time.monotonic() + PATIENCE_S
        while self.mode != "teleop" and time.monotonic() < deadline:
            rclpy.spin_until_future_complete(self, self._arm.call_async(Trigger.Request()), timeout_sec=2.0)
            self.spin(0.5)
        self.until(lambda: self.mode == "teleop", "the bridge to follow")
        self.spin(1.0)

    def episode(self, seed: int) -> bool:
        """The demonstration of ``seed``, report by report at its time; False when the recorder refused to start.

        Raises:
            TeleopError: the recorder does not save.
        """
        saved, started, begin = self.saved, False, time.monotonic()
        for seconds, content in hands.session(seed):
            self.spin(begin + seconds - time.monotonic())
            if not started and seconds > hands.STARTED_S and self.recorder != "recording":
                return False
            started = seconds > hands.STARTED_S
            os.write(self._pipe, f"{seconds:.4f} {content.hex()}\n".encode())
        self.until(lambda: self.saved > saved, f"the episode to be saved (mode {self.mode})")
        return True

    def spin(self, seconds: float) -> None:
        """Listen for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left)

    def until(self, met: Callable[[], bool], what: str) -> None:
        """Listen until something is so.

        Raises:
            TeleopError: it does not come to be. EndedError: a node has ended.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            self._running.check()
            if time.monotonic() > deadline:
                raise TeleopError(
                    f"waited {PATIENCE_S:g} s for {what}; the recorder is {self.recorder or 'silent'}"
                )
            rclpy.spin_once(self, timeout_sec=0.2)

    def close(self) -> None:
        """Let go of the device."""
        os.close(self._pipe)
        self.destroy_node()


def demonstrate(running: Running, pipe: Path, episodes: int) -> int:
    """Record so many episodes; returns how often the recorder refused to start, because a topic was slow.

    Raises:
        TeleopError: one is not saved, or it refuses ten times. EndedError: a node has ended.
    """
    rclpy.init()
    person = Person(running, pipe)
    try:
        person.arm()
        refused = 0
        for seed in tqdm(range(episodes), unit="episode"):
            while not person.episode(seed):
                refused += 1
                person.arm()  # it may be in hold: targets came late on a busy machine
                if refused == REFUSALS:
                    raise TeleopError(f"the recorder does not start: {person.note}")
        return refused
    finally:
        person.close()
        rclpy.try_shutdown()
