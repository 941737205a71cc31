"""Plays episodes through the live graph and keeps what the bridge commanded (ROS)."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from f2o_bringup.processes import Running, start
from f2o_nodekit.ros import reliable
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from benchmarks.demo.episodes import Run
from benchmarks.demo.episodes_node import EpisodesNode
from f2o_msgs.msg import JointTarget

START_S = 60.0


@dataclass(frozen=True)
class Played:
    """What happened: episodes and diagnostics, every command of the bridge, what the processes took."""

    run: Run
    commands: list[Any]  # JointTarget
    processes: dict[str, Any]
    start_s: float  # from the first process to an armed bridge


def play(arguments: dict[str, str], seed: int, minutes: float) -> Played:
    """The deploy graph with ``arguments``, one episode after the other for ``minutes``."""
    begin = time.monotonic()
    with start("deploy", arguments, write=lambda line: None) as running:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        try:
            node, commands = EpisodesNode(running.check), []
            node.create_subscription(
                JointTarget, "/f2o/joint_command", commands.append, reliable(50), raw=True
            )
            node.arm_and_disarm(START_S)
            start_s = time.monotonic() - begin
            node.wait_until_live(START_S)
            begun, before = time.monotonic(), usage(running)
            _episodes(node, seed, 60 * minutes)
            changed = _change(before, usage(running), time.monotonic() - begun)
            node.destroy_node()
        finally:
            rclpy.try_shutdown()
    return Played(node.run, [deserialize_message(c, JointTarget) for c in commands], changed, start_s)


def _episodes(node: Any, seed: int, seconds: float) -> None:
    """One episode after the other until the time is over."""
    until = time.monotonic() + seconds
    with tqdm(total=round(seconds), unit="s", desc="live") as bar:
        for index in itertools.count():
            begun = time.monotonic()
            if begun >= until:
                return
            node.play(seed + index, timeout_s=20.0)
            bar.update(round(time.monotonic() - begun))


def usage(running: Running) -> dict[str, dict[str, float]]:
    """Resident memory [MB] and processor time so far [s] of every process of a graph."""
    page, clock = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    found = {}
    for name, process in running.processes.items():
        root = Path("/proc") / str(process.popen.pid)
        stat = (root / "stat").read_text().rpartition(")")[2].split()
        cpu_s = (int(stat[11]) + int(stat[12])) / clock
        found[name] = {"memory_mb": int((root / "statm").read_text().split()[1]) * page / 1e6, "cpu_s": cpu_s}
    return found


def _change(before: dict[str, Any], after: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        name: {
            "memory_mb": [round(before[name]["memory_mb"], 1), round(after[name]["memory_mb"], 1)],
            "cpu_share": round((after[name]["cpu_s"] - before[name]["cpu_s"]) / seconds, 3),
        }
        for name in before
    }
