"""A policy that costs nothing: sways the last joint a little while observations come. Started as a module.

It publishes what the policy node publishes, made from the newest observation, at 50 Hz. What a network does to the loop
shows without the student's processor time, of which a machine that plays both PCs has none to spare.
"""

from __future__ import annotations

import math
import sys
import threading
import time

import rclpy
from rclpy.node import Node
from rclpy.time import Time

from f2o_msgs.msg import JointTarget, Observation

PERIOD_S, AHEAD_S, SWAY_RAD, SWAY_S = 0.02, 0.02, 0.1, 4.0


class Swaying(Node):
    """Observations in, joint targets out."""

    def __init__(self) -> None:
        super().__init__("policy_node")
        self._newest: Observation | None = None
        self._base: list[float] = []
        self._sent, self._since = 0, time.monotonic()
        self._targets = self.create_publisher(JointTarget, "f2o/joint_target", 1)
        self.create_subscription(Observation, "f2o/observation", self._see, 1)
        self.create_timer(PERIOD_S, self._send)

    def _see(self, msg: Observation) -> None:
        self._newest = msg
        self._base = self._base or list(msg.joint_positions)

    def _send(self) -> None:
        if self._newest is None:
            return
        phase = 2 * math.pi * (time.monotonic() - self._since) / SWAY_S
        positions, velocities = list(self._base), [0.0] * len(self._base)
        positions[-1] += SWAY_RAD * math.sin(phase)
        velocities[-1] = SWAY_RAD * math.cos(phase) * 2 * math.pi / SWAY_S
        self._sent += 1
        msg = JointTarget(source="policy", sequence=self._sent, observation_stamp=self._newest.header.stamp)
        due = self.get_clock().now().nanoseconds + int(AHEAD_S * 1e9)
        msg.header.stamp = Time(nanoseconds=due).to_msg()
        msg.joint_names, msg.joint_positions, msg.joint_velocities = (
            self._newest.joint_names,
            positions,
            velocities,
        )
        msg.gripper_width = self._newest.gripper_width
        self._targets.publish(msg)


def main() -> None:
    """Spin until standard input ends."""
    rclpy.init()
    node, ended = Swaying(), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        rclpy.spin_once(node, timeout_sec=0.05)
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
