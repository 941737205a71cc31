"""``f2o convert``, ``data-report``, ``to-lerobot``, ``from-lerobot``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import positive


def add(commands: Any) -> None:
    """Add them to the parser of ``f2o``."""
    convert = commands.add_parser("convert", help="recorded bags to a data set")
    convert.set_defaults(run=run_convert)
    convert.add_argument("bags", type=Path, help="folder of episode folders, or one of them")
    convert.add_argument("--out", type=Path, required=True, help="data set folder; new bags are added to it")
    convert.add_argument("--perception", type=Path, help="perception.yaml (default: the installed one)")
    convert.add_argument(
        "--longest-pause",
        type=float,
        default=0.0,
        metavar="S",
        help="shorten longer pauses to this (default: keep)",
    )
    convert.add_argument("--processes", type=positive, default=1, help="bags read in parallel")
    convert.add_argument(
        "--only",
        choices=("teleop", "policy"),
        default="",
        help="only the spans in which teleop or the policy was the command source, each as an episode",
    )

    shown = commands.add_parser(
        "data-report", help="a page about what a data set demonstrates and whether it is sound"
    )
    shown.set_defaults(run=run_data_report)
    shown.add_argument("data", type=Path, help="data set folder (f2o convert)")
    shown.add_argument(
        "--out", type=Path, required=True, help="folder for report.html, report.json and images"
    )

    lerobot = commands.add_parser("to-lerobot", help="a data set as a LeRobotDataset v3.0")
    lerobot.set_defaults(run=run_to_lerobot)
    lerobot.add_argument("data", type=Path, help="data set folder (f2o convert)")
    lerobot.add_argument("--out", type=Path, required=True, help="new folder")
    lerobot.add_argument("--fps", type=float, default=30.0, help="of its uniform clock (default 30)")
    lerobot.add_argument("--task", default="manipulation", help="sentence for episodes whose bag names none")

    load = commands.add_parser(
        "from-lerobot", help="a LeRobotDataset v3.0 with depth and points as a data set"
    )
    load.set_defaults(run=run_from_lerobot)
    load.add_argument("source", type=Path, help="its root, the folder with meta/info.json")
    load.add_argument("--out", type=Path, required=True, help="data set folder; new episodes are added to it")


def run_convert(arguments: argparse.Namespace) -> int:
    """``f2o convert``."""
    from f2o_nodekit.config import load_config
    from f2o_nodekit.paths import config_file
    from f2o_perception.config import PerceptionConfig

    from f2o_policy.data.bags import convert

    perception = load_config(PerceptionConfig, arguments.perception or config_file("perception.yaml"))
    report = convert(
        arguments.bags,
        arguments.out,
        perception,
        arguments.processes,
        longest_pause_s=arguments.longest_pause,
        only=arguments.only,
    )
    print(
        f"{arguments.out}: {report.converted} bags converted, {report.present} present before, "
        f"{len(report.skipped)} skipped"
    )
    if report.dropped:
        counts = ", ".join(f"{name} {count}" for name, count in report.dropped.items())
        print(f"dropped unusable messages, as the perception node does: {counts}")
    return 0


def run_data_report(arguments: argparse.Namespace) -> int:
    """``f2o data-report``."""
    from f2o_policy.data.report import write_data_report

    for name, value in write_data_report(arguments.data, arguments.out).items():
        print(f"{name:<24} {value}")
    print(f"{arguments.out}/report.html")
    return 0


def run_to_lerobot(arguments: argparse.Namespace) -> int:
    """``f2o to-lerobot``."""
    from f2o_policy.data.lerobot.export import export_lerobot

    export_lerobot(arguments.data, arguments.out, arguments.fps, arguments.task)
    print(f"{arguments.out}: written")
    return 0


def run_from_lerobot(arguments: argparse.Namespace) -> int:
    """``f2o from-lerobot``."""
    from f2o_policy.data.lerobot.load import import_lerobot

    report = import_lerobot(arguments.source, arguments.out)
    print(f"{arguments.out}: {report.converted} episodes added, {report.present} present before")
    return 0
