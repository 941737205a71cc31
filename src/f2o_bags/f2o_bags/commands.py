"""The command line of ``f2o bag ...``; what it does stands in ``runs``."""

from __future__ import annotations

import argparse
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from f2o_bags import runs

COMPRESSIONS = ("lz4", "zstd", "none")
VERBS = "f2o.bag"
"""Entry points of other packages' verbs: each is called with the subparsers of ``f2o bag`` and adds its own."""


def add(commands: Any) -> None:
    """Add ``bag`` and its verbs to the parser of ``f2o`` (entry point group f2o.commands)."""
    bag = commands.add_parser("bag", help="look at, check, repair, cut, join and play recorded episodes")
    verbs = bag.add_subparsers(dest="verb", required=True, metavar="verb")
    _add_looking(verbs)
    _add_writing(verbs)
    _add_play(verbs)
    for found in sorted(entry_points(group=VERBS), key=lambda e: e.name):
        found.load()(verbs)


def _add_looking(verbs: Any) -> None:
    info = verbs.add_parser("info", help="what is in a bag; of a folder, one line a bag")
    info.set_defaults(run=runs.run_info)
    info.add_argument("bags", type=Path, nargs="+", help="episodes, or folders of them")
    info.add_argument("--json", action="store_true", help="as JSON on stdout")

    check = verbs.add_parser(
        "check", help="is it fit to learn from? one line an episode; status 1 if one is not"
    )
    check.set_defaults(run=runs.run_check)
    check.add_argument("bags", type=Path, nargs="+", help="episodes, or folders of them")
    check.add_argument("--json", action="store_true", help="verdicts as JSON on stdout")
    check.add_argument(
        "--idle", type=float, default=1.0, metavar="S", help="longest stillness at the start (default 1)"
    )
    check.add_argument(
        "--gap", type=float, default=0.1, metavar="S", help="gaps shorter than this are good (default 0.1)"
    )
    check.add_argument(
        "--rate", type=float, default=0.8, help="share of the expected rate that is good (default 0.8)"
    )


def _add_writing(verbs: Any) -> None:
    recover = verbs.add_parser(
        "recover", help="what is readable of a recording that was cut off, as a finished bag"
    )
    recover.set_defaults(run=runs.run_recover)
    recover.add_argument("bags", type=Path, nargs="+", help="*.partial bags, or folders with some")
    recover.add_argument("--out", type=Path, help="the new bag (default: the name without .partial)")

    trim = verbs.add_parser("trim", help="a part of an episode as a new bag")
    trim.set_defaults(run=runs.run_trim)
    trim.add_argument("bag", type=Path)
    trim.add_argument("out", type=Path, help="the new bag")
    trim.add_argument("--from", type=float, dest="begin", metavar="S", help="seconds after its start")
    trim.add_argument("--to", type=float, dest="end", metavar="S", help="seconds after its start")
    trim.add_argument(
        "--idle",
        type=float,
        nargs="?",
        const=0.1,
        metavar="S",
        help="cut idle ends, but for this much (default 0.1)",
    )

    merge = verbs.add_parser("merge", help="several bags as one, in order of time")
    merge.set_defaults(run=runs.run_merge)
    merge.add_argument("bags", type=Path, nargs="+")
    merge.add_argument("--out", type=Path, required=True, help="the new bag")
    for verb in (recover, trim, merge):
        verb.add_argument("--compression", choices=COMPRESSIONS, default="lz4")


def _add_play(verbs: Any) -> None:
    play = verbs.add_parser("play", help="publish a bag, e.g. to the perception and policy nodes")
    play.set_defaults(run=runs.run_play)
    play.add_argument("bag", type=Path)
    play.add_argument("--speed", type=_speed, default=1.0, help="times true speed, or max (default 1)")
    play.add_argument("--topics", nargs="+", default=[], help="only these (default: all that nobody acts on)")
    play.add_argument("--exclude", nargs="+", default=[], help="all but these")
    play.add_argument("--remap", nargs="+", default=[], type=_remap, metavar="A:=B")
    play.add_argument(
        "--restamp", action="store_true", help="headers get the time of playing (policy_node wants it)"
    )
    play.add_argument(
        "--clock", type=above_zero, default=0.0, metavar="HZ", help="publish /clock, for use_sim_time"
    )
    play.add_argument("--loop", action="store_true", help="until Ctrl-C")
    play.add_argument(
        "--wait", type=float, default=10.0, metavar="S", help="for the first subscriber (default 10)"
    )


def _speed(text: str) -> float:
    return 0.0 if text == "max" else above_zero(text)


def above_zero(text: str) -> float:
    """A number above 0 of the command line."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _remap(text: str) -> tuple[str, str]:
    before, sign, after = text.partition(":=")
    if not (before and sign and after):
        raise argparse.ArgumentTypeError(f"expected A:=B, got {text}")
    return before, after
