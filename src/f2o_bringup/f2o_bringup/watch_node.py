"""``f2o watch``: the diagnostics of every node, live in a terminal (ROS)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from f2o_bringup.table import Status, level_of, render


def add(commands: Any) -> None:
    """Add the command to ``f2o``."""
    watch = commands.add_parser("watch", help="rates, ages, misses and faults of all nodes, live")
    watch.set_defaults(run=run)
    watch.add_argument("--once", type=float, metavar="S", help="listen so long, print one table and end")


@contextmanager
def listening() -> Iterator[tuple[dict[str, Status], Callable[[], None]]]:
    """The newest report of each part of each node, and what takes in those that come within a fifth of a second."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from f2o_nodekit.ros import make_executor, reliable
    from rclpy.signals import SignalHandlerOptions

    reports: dict[str, Status] = {}

    def receive(msg: DiagnosticArray) -> None:
        for s in msg.status:
            values = {pair.key: pair.value for pair in s.values}
            reports[s.name] = Status(s.level[0], s.message, values, time.monotonic())

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node, executor = rclpy.create_node("f2o_watch"), make_executor()
    node.create_subscription(DiagnosticArray, "/diagnostics", receive, reliable(10))
    executor.add_node(node)
    try:
        yield reports, lambda: executor.spin_once(timeout_sec=0.2)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def listen(seconds: float) -> dict[str, Status]:
    """The newest report of each part of each node that comes within ``seconds``."""
    until = time.monotonic() + seconds
    with listening() as (reports, spin):
        while time.monotonic() < until:
            spin()
    return reports


def run(arguments: argparse.Namespace) -> int:
    """Show /diagnostics until Ctrl-C; with ``--once`` 1 if nothing was received or a report is in error or stale."""
    with listening() as (reports, spin):
        return _show(arguments.once, reports, spin)


def _show(once: float | None, reports: dict[str, Status], spin: Callable[[], None]) -> int:
    from rich.console import Console
    from rich.live import Live

    console, until = Console(highlight=False), time.monotonic() + (once or float("inf"))

    def table() -> Any:
        return render(reports, time.monotonic(), console.width)

    live = Live(get_renderable=table, console=console, refresh_per_second=2, vertical_overflow="visible")
    try:
        if once is None and sys.stdout.isatty():
            live.start()
        while time.monotonic() < until:
            spin()
    except KeyboardInterrupt:
        return 0  # the usual way to end it
    finally:
        live.stop()
    console.print(table(), crop=False, overflow="ignore", no_wrap=True)
    now = time.monotonic()
    return 0 if reports and all(level_of(s, now) < 2 for s in reports.values()) else 1
