"""``f2o watch``: what every node says about itself, live in a terminal (ROS)."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import Any

from f2o_nodekit.table import Status, render

CLEAR = "\033[H\033[J"


def add(commands: Any) -> None:
    """Add the command to ``f2o``."""
    watch = commands.add_parser("watch", help="rates, ages, misses and faults of all nodes, live")
    watch.set_defaults(run=run)
    watch.add_argument("--once", type=float, metavar="S", help="listen so long, print one table and end")


def run(arguments: argparse.Namespace) -> int:
    """Show /diagnostics until Ctrl-C; with ``--once`` 1 when nothing was heard or something is in error."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.signals import SignalHandlerOptions

    from f2o_nodekit.ros import make_executor, reliable

    reports: dict[str, Status] = {}

    def hear(msg: DiagnosticArray) -> None:
        for s in msg.status:
            values = {pair.key: pair.value for pair in s.values}
            reports[s.name] = Status(s.level[0], s.message, values, time.monotonic())

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node, executor = rclpy.create_node("f2o_watch"), make_executor()
    node.create_subscription(DiagnosticArray, "/diagnostics", hear, reliable(10))
    executor.add_node(node)
    try:
        until = time.monotonic() + arguments.once if arguments.once else float("inf")
        shown = 0.0
        while time.monotonic() < until:
            executor.spin_once(timeout_sec=0.2)
            if not arguments.once and time.monotonic() - shown > 0.5:
                shown = time.monotonic()
                print(CLEAR + _table(reports), flush=True)
        print(_table(reports))
        return 0 if reports and all(s.level < 2 for s in reports.values()) else 1
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _table(reports: dict[str, Status]) -> str:
    width = shutil.get_terminal_size((120, 40)).columns
    return render(reports, time.monotonic(), width, colour=sys.stdout.isatty())
