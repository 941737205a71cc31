"""``f2o convert``, ``data-report``, ``data-view``, ``data-select``, ``to-lerobot``, ``from-lerobot``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import positive
from f2o_policy.errors import PolicyError


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

    convert.add_argument(
        "--unlabelled", action="store_true", help="also bags without a label success (default: true alone)"
    )
    convert.add_argument(
        "--strict", action="store_true", help="not those that f2o bag check calls poor (default: ok and poor)"
    )

    shown = commands.add_parser(
        "data-report", help="a page about what a data set demonstrates and whether it is sound"
    )
    shown.set_defaults(run=run_data_report)
    shown.add_argument("data", type=Path, help="data set folder (f2o convert)")
    shown.add_argument(
        "--out", type=Path, required=True, help="folder for report.html, report.json and images"
    )

    view = commands.add_parser(
        "data-view", help="an episode in rerun: seen, commanded, and as a policy plans it"
    )
    view.set_defaults(run=run_data_view)
    view.add_argument("data", type=Path, help="data set folder")
    view.add_argument("episode", type=int, help="its number in f2o data-report, from 0")
    view.add_argument("--out", type=Path, help="file for rerun (.rrd); default: open its viewer")
    view.add_argument("--policy", type=Path, help="run folder or checkpoint whose plans are drawn, too")
    view.add_argument("--every", type=positive, default=1, metavar="N", help="show every Nth observation")

    chosen = commands.add_parser(
        "data-select", help="join data sets; filter, split, label or drop their episodes"
    )
    chosen.set_defaults(run=run_data_select)
    chosen.add_argument("data", type=Path, nargs="+", help="data set folders")
    chosen.add_argument("--out", type=Path, required=True, help="data set folder; episodes are added to it")
    chosen.add_argument(
        "--where", action="append", default=[], metavar="KEY=VALUE",
        help="only episodes whose label KEY is VALUE; several values of one key are alternatives",
    )  # fmt: skip
    chosen.add_argument(
        "--drop", action="append", default=[], metavar="EPISODE",
        help="leave this one out: its number in f2o data-report, or its source",
    )  # fmt: skip
    chosen.add_argument(
        "--label", action="append", default=[], metavar="KEY=VALUE",
        help="write this label on the episodes; without a value, take it away",
    )  # fmt: skip
    chosen.add_argument(
        "--by", default="", metavar="KEY", help="a data set below --out for each value of this label"
    )

    lerobot = commands.add_parser("to-lerobot", help="a data set as a LeRobotDataset v3.0")
    lerobot.set_defaults(run=run_to_lerobot)
    lerobot.add_argument("data", type=Path, help="data set folder (f2o convert)")
    lerobot.add_argument("--out", type=Path, required=True, help="new folder")
    lerobot.add_argument("--fps", type=float, default=30.0, help="of its uniform clock (default 30)")
    lerobot.add_argument("--task", default="manipulation", help="sentence for episodes whose bag names none")
    lerobot.add_argument("--push", metavar="USER/NAME", help="upload it to the Hugging Face Hub as well")
    lerobot.add_argument("--private", action="store_true", help="with --push: seen by nobody else")

    load = commands.add_parser(
        "from-lerobot", help="a LeRobotDataset v3.0 of a seven-joint arm and a gripper as a data set"
    )
    load.set_defaults(run=run_from_lerobot)
    load.add_argument(
        "source", help="its root, the folder with meta/info.json; or hf://datasets/USER/NAME[@REVISION]"
    )
    load.add_argument("--out", type=Path, required=True, help="data set folder; new episodes are added to it")
    load.add_argument(
        "--image-size", type=positive, default=0, metavar="S",
        help="scale every view to S x S pixels, as the perception node does (default: keep, all must be alike)",
    )  # fmt: skip


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
        unlabelled=arguments.unlabelled,
        strict=arguments.strict,
    )
    spans = f", {len(report.left_out)} spans left out" if report.left_out else ""
    print(
        f"{arguments.out}: {report.converted} bags converted, {report.present} present before, "
        f"{len(report.skipped)} skipped{spans}"
    )
    if report.dropped:
        counts = "; ".join(f"{name} {count} ({report.why[name]})" for name, count in report.dropped.items())
        print(f"dropped unusable messages, as the perception node does: {counts}")
    return 0


def run_data_report(arguments: argparse.Namespace) -> int:
    """``f2o data-report``."""
    from f2o_policy.data.report import write_data_report

    for name, value in write_data_report(arguments.data, arguments.out).items():
        print(f"{name:<24} {value}")
    print(f"{arguments.out}/report.html")
    return 0


def run_data_view(arguments: argparse.Namespace) -> int:
    """``f2o data-view``."""
    from f2o_policy.evaluation.episode_view import view_episode

    number, out = arguments.episode, arguments.out
    count = view_episode(arguments.data, number, out, arguments.policy, arguments.every)
    print(f"{out or 'viewer'}: episode {number}, {count} observations")
    return 0


def run_data_select(arguments: argparse.Namespace) -> int:
    """``f2o data-select``."""
    from f2o_policy.data.select import Selection, select

    where: dict[str, list[str]] = {}
    for key, value in map(_pair, arguments.where):
        where.setdefault(key, []).append(value)
    selection = Selection(where, arguments.drop, dict(map(_pair, arguments.label)), arguments.by)
    for path, count in select(arguments.data, arguments.out, selection).items():
        print(f"{path}: {count} episodes")
    return 0


def _pair(text: str) -> tuple[str, str]:
    """KEY=VALUE.

    Raises:
        PolicyError: it is not.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise PolicyError(f"{text!r}: expected KEY=VALUE")
    return key, value


def run_to_lerobot(arguments: argparse.Namespace) -> int:
    """``f2o to-lerobot``."""
    from f2o_policy.data.lerobot.export import export_lerobot

    export_lerobot(arguments.data, arguments.out, arguments.fps, arguments.task)
    print(f"{arguments.out}: written")
    if arguments.push:
        from f2o_policy.data.lerobot.hub import push

        print(f"{push(arguments.out, arguments.push, arguments.private)}: uploaded")
    return 0


def run_from_lerobot(arguments: argparse.Namespace) -> int:
    """``f2o from-lerobot``."""
    from f2o_policy.data.lerobot.hub import SCHEME, pull
    from f2o_policy.data.lerobot.load import import_lerobot

    remote = arguments.source.startswith(SCHEME)
    source = pull(arguments.source) if remote else Path(arguments.source)
    name = arguments.source.removeprefix(SCHEME).partition("@")[0] if remote else ""
    report = import_lerobot(source, arguments.out, arguments.image_size, name)
    print(
        f"{arguments.out}: {report.converted} episodes added, {report.present} present before, "
        f"{len(report.skipped)} skipped"
    )
    if report.lacks:
        print(f"the data set has no {' and no '.join(report.lacks)}: train without (model.modalities)")
    return 0
