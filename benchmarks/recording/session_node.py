"""The operator of a recording session: arms the bridge and moves a SpaceMouse that is a pipe (ROS)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import rclpy
from f2o_bringup.processes import Running
from f2o_teleop.errors import TeleopError
from f2o_teleop.testing.operator_node import Operator
from tqdm import tqdm

from benchmarks.recording import hid_reports

REFUSALS = 10


class Person(Operator):
    """Speaks as the device."""

    def __init__(self, running: Running, pipe: Path) -> None:
        super().__init__(running.check)
        self._pipe = os.open(pipe, os.O_RDWR)  # as a reader too: teleop_node may come later

    def episode(self, seed: int) -> bool:
        """The demonstration of ``seed``, report by report at its time; False when the recorder refused to start.

        Raises:
            TeleopError: the recorder does not save.
        """
        saved, started, begin = self.saved, False, time.monotonic()
        for seconds, content in hid_reports.demonstration(seed):
            self.spin(begin + seconds - time.monotonic())
            if not started and seconds > hid_reports.STARTED_S and self.recorder != "recording":
                return False
            started = seconds > hid_reports.STARTED_S
            os.write(self._pipe, f"{seconds:.4f} {content.hex()}\n".encode())
        self.until(lambda: self.saved > saved, "the episode to be saved")
        return True

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
        person.until(lambda: person.recorder != "", "the recorder")
        person.arm("teleop")
        person.spin(1.0)
        refused = 0
        for seed in tqdm(range(episodes), unit="episode"):
            while not person.episode(seed):
                refused += 1
                person.arm("teleop")  # it may be in hold: targets came late on a busy machine
                if refused == REFUSALS:
                    raise TeleopError(f"the recorder does not start: {person.note}")
        return refused
    finally:
        person.close()
        rclpy.try_shutdown()
