"""``f2o watch``: what every node says about itself, live in a terminal (ROS)."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import Any

from f2o_bringup.table import Status, level_of, render

CLEAR, SHOW_S = "\033[H\033[J", 0.5


def add(commands: Any) -> None:
    """Add the command to ``f2o``."""
    watch = commands.add_parser("watch", help="rates, ages, misses and faults of all nodes, live")
    watch.set_defaults(run=run)
    watch.add_argument("--once", type=float, metavar="S", help="listen so long, print one table and end")


def run(arguments: argparse.Namespace) -> int:
    """Show /diagnostics until Ctrl-C; with ``--once`` 1 when nothing was heard, or something is in error or silent."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from f2o_nodekit.ros import make_executor, reliable
    from rclpy.signals import SignalHandlerOptions

    reports: dict[str, Status] = {}

    def hear(msg: DiagnosticArray) -> None:
        for s in msg.status:
            values = {pair.key: pair.value for pair in s.values}
            reports[s.name] = Status(s.level[0], s.message, values, time.monotonic())

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node, executor = rclpy.create_node("f2o_watch"), make_executor()
    node.create_subscription(DiagnosticArray, "/diagnostics", hear, reliable(10))
    executor.add_node(node)
    until = float("inf") if arguments.once is None else time.monotonic() + arguments.once
    shown = time.monotonic()
    try:
        while time.monotonic() < until:
            executor.spin_once(timeout_sec=0.2)
            if arguments.once is None and time.monotonic() - shown > SHOW_S:
                shown = time.monotonic()
                print(CLEAR + _table(reports), flush=True)
    except KeyboardInterrupt:
        return 0  # how a person ends it
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    print(_table(reports))
    now = time.monotonic()
    return 0 if reports and all(level_of(s, now) < 2 for s in reports.values()) else 1


def _table(reports: dict[str, Status]) -> str:
    width = shutil.get_terminal_size((120, 40)).columns
    return render(reports, time.monotonic(), width, colour=sys.stdout.isatty())
