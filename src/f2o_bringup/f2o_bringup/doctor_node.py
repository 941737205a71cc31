"""``f2o doctor``: what of this machine, and of the nodes that run, stands in the way (ROS, for the nodes)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

MARKS = {"ok": ("ok", "green"), "warn": ("WARN", "yellow"), "fail": ("FAIL", "red")}


def add(commands: Any) -> None:
    """Add the command to ``f2o``."""
    doctor = commands.add_parser(
        "doctor", help="what of this machine stands in the way, line by line, and what to do about it"
    )
    doctor.set_defaults(run=run)
    doctor.add_argument(
        "arguments",
        nargs="*",
        metavar="NAME:=VALUE",
        help="as for deploy.launch.py, e.g. robot:=fr3 robot_ip:=...",
    )
    doctor.add_argument(
        "--live", type=float, metavar="S", help="listen to the nodes that run for so long, too"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for everything that is looked at; 1 where something fails.

    Raises:
        GraphError: an argument is not of the form NAME:=VALUE.
    """
    from f2o_bringup.doctor import Machine, as_json, examine

    machine = Machine(arguments=_parsed(arguments.arguments))
    findings = [*examine(machine), *(_live(arguments.live) if arguments.live else ())]
    if arguments.json:
        print(as_json(findings))
    else:
        _print(findings)
    return 1 if any(finding.level == "fail" for finding in findings) else 0


def _parsed(words: list[str]) -> Mapping[str, str]:
    from f2o_bringup.errors import GraphError

    pairs = [word.partition(":=") for word in words]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise GraphError(f"expected NAME:=VALUE, got {name!r}")
    return {name: value for name, _, value in pairs}


def _print(findings: list[Any]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for finding in findings:
        word, style = MARKS[finding.level]
        line = Text.assemble((f"{word:<5}", style), f" {finding.name:<14} {finding.text}")
        console.print(line, crop=False, overflow="ignore", no_wrap=True)
        if finding.remedy:
            console.print(
                Text(f"{'':<21}{finding.remedy}", "dim"), crop=False, overflow="ignore", no_wrap=True
            )


def _live(seconds: float) -> Iterator[Any]:
    """A line for each part of each node that reports within ``seconds``."""
    from f2o_bringup.doctor import Finding

    try:
        from f2o_bringup.watch_node import listen

        reports = listen(seconds)
    except ImportError as error:
        yield Finding("nodes", "fail", f"cannot be heard: {error}", "source env.sh")
        return
    if not reports:
        text = f"none reported within {seconds:g} s"
        yield Finding("nodes", "fail", text, "start some, with the ROS_DOMAIN_ID and network of this shell")
    for name, report in sorted(reports.items()):
        level = ("ok", "warn", "fail", "fail")[min(report.level, 3)]
        remedy = "" if level == "ok" else "docs/troubleshooting.md"
        yield Finding(name, level, report.message, remedy)
