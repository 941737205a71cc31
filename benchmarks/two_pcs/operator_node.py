"""Somebody at one of the PCs: says what arrives there, and calls the bridge. Started by ``Cell.start`` as a module.

Writes one JSON object a line: the mode and how many messages came. Reads one word a line: ``arm``, ``recover``, or
``save PATH`` for what came since the last ``forget``, as .npz: per topic a row a message, see ``COLUMNS``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from f2o_bringup.network import network
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from benchmarks.two_pcs.cell import ADDRESSES
from f2o_msgs.msg import JointTarget, Observation

COLUMNS = ("arrival", "stamp", "observation_stamp")  # ns, one clock: the two PCs are one machine
BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Operator(Node):
    """Counts what comes, keeps its stamps, calls services."""

    def __init__(self) -> None:
        super().__init__("operator")
        self._said: dict[str, Any] = {
            "mode": "",
            "answer": "",
            "from_observations": 0,
            "speed": 0.0,
            "measured_by": "",
        }
        self._came: dict[str, int] = defaultdict(int)
        self._kept: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        self.create_subscription(String, "f2o/mode", self._on_mode, LATCHED)
        self.create_subscription(JointTarget, "f2o/joint_command", self._keep("commands"), 50)
        self.create_subscription(JointState, "franka/joint_states", self._keep("joints"), BEST_EFFORT)
        self.create_subscription(Observation, "f2o/observation", self._keep("observations"), 10)
        self._calls = {name: self.create_client(Trigger, f"f2o/{name}") for name in ("arm", "recover")}
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.create_timer(0.2, self._say)

    def obey(self, line: str) -> None:
        """Do what a line of the input says."""
        word, _, rest = line.strip().partition(" ")
        if word == "save":
            kept: dict[str, Any] = {name: np.array(rows, np.int64) for name, rows in self._kept.items()}
            np.savez(rest, **kept)
            self._said["answer"] = line.strip()
        elif word == "forget":
            self._kept.clear()
        elif self._calls[word].service_is_ready():
            self._calls[word].call_async(Trigger.Request()).add_done_callback(self._on_answer)
        else:
            self._said["answer"] = f"{word}: no such service yet"

    def _on_answer(self, future: Any) -> None:
        self._said["answer"] = future.result().message

    def _on_mode(self, msg: String) -> None:
        self._said["mode"] = msg.data
        self._say()

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        self._said |= {status.name: status.message for status in msg.status}

    def _keep(self, name: str) -> Callable[[Any], None]:
        def keep(msg: Any) -> None:
            seen = getattr(msg, "observation_stamp", Time())
            self._came[name] += 1
            self._kept[name].append((self.get_clock().now().nanoseconds, _ns(msg.header.stamp), _ns(seen)))
            self._said["from_observations"] += bool(_ns(seen))
            if name == "joints" and msg.velocity:
                self._said["speed"] = max(map(abs, msg.velocity))

        return keep

    def _say(self) -> None:
        for info in self.get_publishers_info_by_topic("franka/joint_states"):
            self._said["measured_by"] = info.node_name
        print(json.dumps(self._said | self._came), flush=True)


def _ns(stamp: Time) -> int:
    return stamp.sec * 10**9 + stamp.nanosec


def main() -> None:
    """Spin until standard input ends; with the word ``cell`` as a process of the cell, else as a shell on this PC."""
    if "cell" in sys.argv[1:]:
        os.environ.update(network("cell", "", ADDRESSES, os.environ).env)
    rclpy.init()
    node, lines, ended = Operator(), list[str](), threading.Event()

    def read() -> None:
        for line in sys.stdin:
            lines.append(line)
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    while not ended.is_set():
        rclpy.spin_once(node, timeout_sec=0.05)
        while lines:
            node.obey(lines.pop(0))
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
