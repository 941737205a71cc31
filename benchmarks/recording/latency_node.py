"""From a device's report to the target that answers it: through the reading thread, the loop, and DDS (ROS)."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import yaml
from f2o_nodekit.robot import read_robot
from f2o_nodekit.ros import best_effort, latched, reliable
from f2o_teleop.errors import TeleopError
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tqdm import tqdm

from f2o_msgs.msg import JointTarget

PANDA = read_robot("panda")
PUSHES, REST = ("01" + "ae00" * 3, "01" + "52ff" * 3), "01" + "0000" * 3  # half a deflection, to and fro
WAIT_S = 30.0


class Stopwatch:
    """An arm that is where its target is, a pipe in the place of the device, and a subscription to the target."""

    def __init__(self, pipe: Path) -> None:
        rclpy.init()
        self.node = rclpy.create_node("stopwatch")
        self._pipe = pipe.open("w", buffering=1)
        self._positions = list(PANDA.home)
        self.moved_mono_ns = self.targets = 0
        self.speed = 0.0
        self._joints = self.node.create_publisher(JointState, "/franka/joint_states", best_effort(1))
        self._mode = self.node.create_publisher(String, "/f2o/mode", latched())
        self.node.create_subscription(JointTarget, "/f2o/joint_target", self._on_target, reliable(1))
        self.node.create_timer(0.008, self._say_joints)

    def _on_target(self, message: JointTarget) -> None:
        self.targets += 1
        self._positions = list(message.joint_positions)
        self.speed = float(np.abs(message.joint_velocities).max())
        if self.speed > 1e-4 and not self.moved_mono_ns:
            self.moved_mono_ns = time.monotonic_ns()

    def _say_joints(self) -> None:
        self._joints.publish(JointState(name=list(PANDA.joint_names), position=self._positions))

    def begin(self) -> None:
        """Wait for targets, then let them count.

        Raises:
            TeleopError: none come.
        """
        self._spin_until(lambda: self.targets > 20, "no targets from teleop_node")
        self._mode.publish(String(data="teleop"))
        self._spin_for(0.5)

    def once(self, push: str, phase_s: float) -> float:
        """Push after a rest, and wait for the target to move [ms]; ``phase_s``: where in the loop's period."""
        self._pipe.write(f"0 {REST}\n")
        self._spin_until(lambda: self.speed < 1e-5, "the target does not come to rest")
        self._spin_for(0.03)
        time.sleep(phase_s)  # the subscription wakes with the loop's ticks; an operator does not
        self.moved_mono_ns, begin = 0, time.monotonic_ns()
        self._pipe.write(f"0 {push}\n")
        self._spin_until(lambda: self.moved_mono_ns > 0, "the target does not move")
        return (self.moved_mono_ns - begin) / 1e6

    def close(self) -> None:
        """Let go."""
        self._pipe.close()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def _spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.005)

    def _spin_until(self, met: Any, failure: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not met():
            if time.monotonic() > deadline:
                raise TeleopError(failure)
            rclpy.spin_once(self.node, timeout_sec=0.05)


def run(count: int, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Measure ``count`` reports at random moments of the loop's period.

    Raises:
        TeleopError: teleop_node sends nothing.
    """
    pipe = folder / "hand"
    os.mkfifo(pipe)
    moments = random.Random(seed)
    with _teleop(folder, pipe):
        watch = Stopwatch(pipe)
        try:
            watch.begin()
            each = [
                watch.once(PUSHES[k % 2], moments.uniform(0.0, 0.008))
                for k in tqdm(range(count), unit="report")
            ]
        finally:
            watch.close()
    spread = {f"p{p:g}": round(float(np.percentile(each, p)), 2) for p in (50, 90, 99, 100)}
    return {
        "reports": count,
        "loop_hz": 125.0,
        "latency_ms": spread,
        "each_ms": [round(ms, 3) for ms in each],
    }


@contextlib.contextmanager
def _teleop(folder: Path, pipe: Path) -> Iterator[None]:
    config = folder / "teleop.yaml"
    config.write_text(yaml.safe_dump({"source": "hidfile", "script": str(pipe), "drift": {"most": 0.0}}))
    command = [sys.executable, "-m", "f2o_teleop.teleop_node", "--ros-args", "-p", f"config:={config}"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10.0)
