"""The command line ``f2o bag ...``. Cheap to import: each verb imports what it needs when it runs."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from f2o_nodekit.names import namespace_word

COMPRESSIONS = ("lz4", "zstd", "none")
VERBS = "f2o.bag"
"""Entry points of other packages' verbs: each is called with the subparsers of ``f2o bag`` and adds its own."""
RULES = "f2o.bag.rules"
"""Entry points of what other packages have to say of a bag, see ``check``: called with it and ``perception``."""
BAD = 1  # exit status when one of several episodes is bad or cannot be read
INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def add(commands: Any) -> None:
    """Add ``bag`` and its verbs to the parser of ``f2o`` (entry point group f2o.commands)."""
    bag = commands.add_parser("bag", help="inspect, check, repair, trim, merge and play recorded episodes")
    verbs = bag.add_subparsers(dest="verb", required=True, metavar="verb")
    _add_reading_verbs(verbs)
    _add_writing_verbs(verbs)
    _add_play(verbs)
    for found in sorted(entry_points(group=VERBS), key=lambda e: e.name):
        found.load()(verbs)


def _add_reading_verbs(verbs: Any) -> None:
    info = verbs.add_parser("info", help="contents of a bag; of a folder, one line per bag")
    info.set_defaults(run=run_info)
    check = verbs.add_parser(
        "check",
        help="is it fit to learn from? one line per episode, ok, poor or BAD; status 1 if one is not ok",
    )
    check.set_defaults(run=run_check)
    for verb in (info, check):
        verb.add_argument("bags", type=Path, nargs="+", help="episodes, or folders of them")
        verb.add_argument("--json", action="store_true", help="as JSON on stdout")
    check.add_argument(
        "--perception",
        type=Path,
        help="perception.yaml whose topics and limits count (default: its limits, and the topics in the bag)",
    )
    check.add_argument("--unlabelled", action="store_true", help="an episode without a label success is good")
    check.add_argument(
        "--idle", type=float, default=1.0, metavar="S", help="longest stillness at the start (default 1)"
    )
    check.add_argument(
        "--gap", type=float, default=0.1, metavar="S", help="gaps shorter than this are good (default 0.1)"
    )
    check.add_argument(
        "--rate", type=float, default=0.8, help="share of the expected rate that is good (default 0.8)"
    )


def _add_writing_verbs(verbs: Any) -> None:
    recover = verbs.add_parser("recover", help="the readable part of a truncated recording, as a new bag")
    recover.set_defaults(run=run_recover)
    recover.add_argument("bags", type=Path, nargs="+", help="*.partial bags, or folders with some")
    recover.add_argument("--out", type=Path, help="the new bag (default: the name without .partial)")

    trim = verbs.add_parser("trim", help="a part of an episode as a new bag")
    trim.set_defaults(run=run_trim)
    trim.add_argument("bag", type=Path)
    trim.add_argument("out", type=Path, help="the new bag")
    trim.add_argument("--from", type=float, dest="begin", metavar="S", help="seconds after its start")
    trim.add_argument("--to", type=float, dest="end", metavar="S", help="seconds after its start")
    idle = "cut idle ends down to this length (default 0.1)"
    trim.add_argument("--idle", type=float, nargs="?", const=0.1, metavar="S", help=idle)

    merge = verbs.add_parser("merge", help="several bags as one, in order of time")
    merge.set_defaults(run=run_merge)
    merge.add_argument("bags", type=Path, nargs="+")
    merge.add_argument("--out", type=Path, required=True, help="the new bag")
    for verb in (recover, trim, merge):
        verb.add_argument("--compression", choices=COMPRESSIONS, default="lz4")


def _add_play(verbs: Any) -> None:
    play = verbs.add_parser("play", help="publish a bag, e.g. to the perception and policy nodes")
    play.set_defaults(run=run_play)
    play.add_argument("bag", type=Path)
    play.add_argument("--speed", type=_speed, default=1.0, help="times true speed, or max (default 1)")
    play.add_argument("--topics", nargs="+", default=[], help="only these (default: all but commands)")
    play.add_argument("--exclude", nargs="+", default=[], help="all but these")
    play.add_argument("--remap", nargs="+", default=[], type=_remap, metavar="A:=B")
    play.add_argument(
        "--namespace", type=namespace_word, default="", help="of the arm whose nodes are to hear it"
    )
    play.add_argument(
        "--restamp", action="store_true", help="headers get the time of playing (policy_node requires it)"
    )
    play.add_argument(
        "--clock", type=positive, default=0.0, metavar="HZ", help="publish /clock, for use_sim_time"
    )
    play.add_argument(
        "--start-offset",
        type=not_negative,
        default=0.0,
        metavar="S",
        help="skip so much of the bag (default 0)",
    )
    play.add_argument("--loop", action="store_true", help="until Ctrl-C")
    play.add_argument(
        "--wait", type=float, default=10.0, metavar="S", help="for the first subscriber (default 10)"
    )


def _speed(text: str) -> float:
    return 0.0 if text == "max" else positive(text)


def positive(text: str) -> float:
    """A positive number of the command line.

    Raises:
        argparse.ArgumentTypeError: it is not above 0, or infinite.
    """
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def not_negative(text: str) -> float:
    """A number of the command line that is 0 or more.

    Raises:
        argparse.ArgumentTypeError: it is below 0, or infinite.
    """
    value = float(text)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {text}")
    return value


def _remap(text: str) -> tuple[str, str]:
    before, sign, after = text.partition(":=")
    if not (before and sign and after):
        raise argparse.ArgumentTypeError(f"expected A:=B, got {text}")
    return before, after


def run_info(arguments: argparse.Namespace) -> int:
    """``f2o bag info``; returns the exit status.

    Raises:
        BagError: no bag at one of the paths.
    """
    from f2o_bags.discovery import find_bags
    from f2o_bags.errors import BagError
    from f2o_bags.report import info, info_lines, plain

    found, contents, failed = find_bags(arguments.bags), [], 0
    for path in found:
        try:
            contents.append(info(path))
        except Exception as error:  # one bag never ends a batch, whatever is in it
            failed += 1
            why = error if isinstance(error, BagError) else f"{path}: {error!r}"
            print(f"f2o bag info: {why}", file=sys.stderr)
    if arguments.json:
        print(json.dumps([plain(bag) for bag in contents], indent=1))
    else:
        for bag in contents:
            print("\n".join(info_lines(bag, topics=len(found) == 1)))
    return BAD if failed else 0


def run_check(arguments: argparse.Namespace) -> int:
    """``f2o bag check``; returns the exit status.

    Raises:
        BagError: no bag at one of the paths.
    """
    from tqdm import tqdm

    from f2o_bags.check import Limits, check
    from f2o_bags.discovery import find_bags
    from f2o_bags.report import plain, verdict_line

    limits = Limits(
        idle_s=arguments.idle, gap_s=arguments.gap, rate=arguments.rate, unlabelled=arguments.unlabelled
    )
    rules = [partial(rule.load(), perception=arguments.perception) for rule in entry_points(group=RULES)]
    verdicts = []
    with tqdm(find_bags(arguments.bags), unit="bag", disable=None) as bar:
        for path in bar:
            verdicts.append(check(path, limits, rules))
            if not arguments.json:
                bar.write(verdict_line(verdicts[-1]), file=sys.stdout)
    if arguments.json:
        print(json.dumps([{**plain(v), "good": v.good} for v in verdicts], indent=1))
    bad = sum(not verdict.good for verdict in verdicts)
    poor = sum(verdict.usable for verdict in verdicts if not verdict.good)
    print(f"{len(verdicts)} episodes, {bad - poor} bad, {poor} poor", file=sys.stderr)
    if rules and arguments.perception is None:
        print(
            "judged by the views of each bag; with --perception, by those that f2o convert wants",
            file=sys.stderr,
        )
    return BAD if bad else 0


def run_recover(arguments: argparse.Namespace) -> int:
    """``f2o bag recover``; returns the exit status.

    Raises:
        BagError: nothing to recover, or the only bag cannot be; one of several is named and the others go on.
    """
    from f2o_bags.edit import recover
    from f2o_bags.errors import BagError
    from f2o_bags.read import find_unfinished

    found = find_unfinished(arguments.bags)
    if arguments.out is not None and len(found) > 1:
        raise BagError(f"--out {arguments.out}: expected one bag to recover, got {len(found)}")
    failed = 0
    for path in found:
        try:
            written = recover(path, arguments.out, arguments.compression, sys.stderr.isatty())
            for why in written.left_out:
                print(f"left out: {why}")
            print(f"{written}; {path} is left as it was")
        except Exception as error:  # one bag never ends a batch, whatever is in it
            if len(found) == 1:
                raise
            failed += 1
            print(
                f"f2o bag: {error if isinstance(error, BagError) else f'{path}: {error!r}'}", file=sys.stderr
            )
    return BAD if failed else 0


def run_trim(arguments: argparse.Namespace) -> int:
    """``f2o bag trim``; returns the exit status.

    Raises:
        BagError: no part is named, or as ``edit.trim``.
    """
    from f2o_bags.edit import trim
    from f2o_bags.errors import BagError

    part = arguments.begin, arguments.end, arguments.idle
    if part == (None, None, None):
        raise BagError("trim: expected --from, --to or --idle")
    print(trim(arguments.bag, arguments.out, *part, arguments.compression, sys.stderr.isatty()))
    return 0


def run_merge(arguments: argparse.Namespace) -> int:
    """``f2o bag merge``; returns the exit status.

    Raises:
        BagError: as ``edit.merge``.
    """
    from f2o_bags.edit import merge

    summary, left_out = merge(arguments.bags, arguments.out, arguments.compression, sys.stderr.isatty())
    for problem in left_out:
        print(f"f2o bag merge: left out: {problem}", file=sys.stderr)
    print(summary)
    return BAD if left_out else 0


def run_play(arguments: argparse.Namespace) -> int:
    """``f2o bag play``; returns the exit status.

    Raises:
        BagError: the bag is truncated, or has no such topic.
        PlayError: no ROS, or somebody else publishes one of the topics.
        DefinitionError: a message type is not installed.
    """
    from f2o_bags.play import PlayOptions, select_topics
    from f2o_bags.read import open_complete

    options = PlayOptions(
        arguments.speed,
        tuple(arguments.topics),
        tuple(arguments.exclude),
        dict(arguments.remap),
        arguments.restamp,
        arguments.clock,
        arguments.loop,
        arguments.start_offset,
        arguments.namespace,
    )
    bag = open_complete(arguments.bag)
    topics = select_topics(bag, options)  # mistakes first: ROS takes a second to import
    player = ros_module("f2o_bags.player_node")
    played, subscribed, interrupted = player.play(bag, options, arguments.wait, sys.stderr.isatty())
    if played is not None:
        late = ", ".join(f"{name} {value:g} ms" for name, value in played.late_ms.items())
        print(
            f"{played.messages} messages, {played.bag_s:.2f} s of the bag in {played.wall_s:.2f} s; "
            f"{subscribed} of {len(topics)} topics had a subscriber{'; late ' + late if late else ''}"
        )
    return INTERRUPTED if interrupted else 0


def ros_module(name: str) -> Any:
    """A module that imports ROS.

    Raises:
        PlayError: it cannot be imported.
    """
    from f2o_bags.errors import PlayError

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PlayError(f"needs ROS 2, which cannot be imported ({error}); run make setup") from None
