"""``f2o modes``, ``latency-report``: measure a policy."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import positive


def add(commands: Any) -> None:
    """Add them to the parser of ``f2o``."""
    modes = commands.add_parser(
        "modes", help="which of its teacher's modes a student kept, numbers and figures"
    )
    modes.set_defaults(run=run_modes)
    modes.add_argument("--policy", type=Path, required=True, help="run folder or checkpoint of a student")
    modes.add_argument("--teacher", type=Path, required=True, help="run folder or checkpoint of its teacher")
    modes.add_argument("--data", type=Path, required=True, help="data set whose validation episodes are used")
    modes.add_argument("--observations", type=positive, default=64)
    modes.add_argument("--count", type=positive, default=32, help="trajectories per observation (default 32)")
    modes.add_argument(
        "--out", type=Path, required=True, help="folder for modes.json, modes.png, report.html"
    )

    latency = commands.add_parser("latency-report", help="where the time goes from exposure to command")
    latency.set_defaults(run=run_latency)
    latency.add_argument("trace", type=Path, help="trace of policy_node (its parameter trace)")
    latency.add_argument("--bridge", type=Path, help="trace of bridge_node (its parameter trace)")
    latency.add_argument("--out", type=Path, required=True, help="folder for latency.json and latency.png")


def run_modes(arguments: argparse.Namespace) -> int:
    """``f2o modes``."""
    from f2o_policy.evaluation.modes import agreement
    from f2o_policy.evaluation.report import write_report
    from f2o_policy.runtime.executor import ExecutorConfig

    numbers = write_report(
        arguments.policy,
        arguments.teacher,
        arguments.data,
        arguments.out,
        arguments.observations,
        arguments.count,
    )
    for name, value in numbers.items():
        print(f"{name:<24} {value:.3f}")
    if said := agreement(numbers, ExecutorConfig().agree_rad):
        print(said)
    print(f"{arguments.out}/report.html")
    return 0


def run_latency(arguments: argparse.Namespace) -> int:
    """``f2o latency-report``."""
    from f2o_policy.runtime.latency import report, table

    print(table(report(arguments.trace, arguments.bridge, arguments.out)))
    print(f"{arguments.out}/latency.png")
    return 0
