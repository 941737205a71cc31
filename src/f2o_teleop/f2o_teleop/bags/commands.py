"""The commands ``f2o bag ...``. Cheap to import: what a command needs it imports when it runs."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

BAD = 1  # exit status of `check` when an episode is not fit to learn from
STOPPED = 130  # after Ctrl-C, as shells have it
COMPRESSIONS = ("lz4", "zstd", "none")


def add(commands: Any) -> None:
    """Add ``bag`` and its verbs to the parser of ``f2o`` (entry point group f2o.commands)."""
    bag = commands.add_parser("bag", help="look at, check, repair, cut, join and play recorded episodes")
    verbs = bag.add_subparsers(dest="verb", required=True, metavar="verb")
    _add_looking(verbs)
    _add_writing(verbs)
    _add_play(verbs)
    _add_replay(verbs)


def _add_looking(verbs: Any) -> None:
    info = verbs.add_parser("info", help="what is in a bag; of a folder, one line a bag")
    info.set_defaults(run=run_info)
    info.add_argument("bags", type=Path, nargs="+", help="episodes, or folders of them")
    info.add_argument("--json", action="store_true", help="as JSON on stdout")

    check = verbs.add_parser(
        "check", help="is it fit to learn from? one line an episode; status 1 if one is not"
    )
    check.set_defaults(run=run_check)
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
    recover.set_defaults(run=run_recover)
    recover.add_argument("bags", type=Path, nargs="+", help="*.partial bags, or folders with some")
    recover.add_argument("--out", type=Path, help="the new bag (default: the name without .partial)")

    trim = verbs.add_parser("trim", help="a part of an episode as a new bag")
    trim.set_defaults(run=run_trim)
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
    play.add_argument("--topics", nargs="+", default=[], help="only these (default: all that nobody obeys)")
    play.add_argument("--exclude", nargs="+", default=[], help="all but these")
    play.add_argument("--remap", nargs="+", default=[], type=_remap, metavar="A:=B")
    play.add_argument(
        "--restamp", action="store_true", help="headers get the time of playing (policy_node wants it)"
    )
    play.add_argument(
        "--clock", type=_above_zero, default=0.0, metavar="HZ", help="publish /clock, for use_sim_time"
    )
    play.add_argument("--loop", action="store_true", help="until Ctrl-C")
    play.add_argument(
        "--wait", type=float, default=10.0, metavar="S", help="for the first subscriber (default 10)"
    )


def _add_replay(verbs: Any) -> None:
    replay = verbs.add_parser(
        "replay", help="move the arm as in an episode, through the bridge (f2o-launch replay)"
    )
    replay.set_defaults(run=run_replay)
    replay.add_argument("bag", type=Path)
    replay.add_argument(
        "--topic", default="/f2o/joint_command", help="JointState to follow (default what was sent)"
    )
    replay.add_argument("--speed", type=_above_zero, default=1.0, help="times true speed (default 1)")
    replay.add_argument("--from", type=float, default=0.0, dest="begin", metavar="S")
    replay.add_argument("--to", type=float, dest="end", metavar="S")
    replay.add_argument(
        "--arm", action="store_true", help="arm the bridge; otherwise wait until somebody does"
    )
    replay.add_argument("--wait", type=float, default=30.0, metavar="S", help="for the bridge (default 30)")


def _speed(text: str) -> float:
    return 0.0 if text == "max" else _above_zero(text)


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _remap(text: str) -> tuple[str, str]:
    before, sign, after = text.partition(":=")
    if not (before and sign and after):
        raise argparse.ArgumentTypeError(f"expected A:=B, got {text}")
    return before, after


def run_info(arguments: argparse.Namespace) -> int:
    """``f2o bag info``."""
    from f2o_teleop.bags.read import find_bags
    from f2o_teleop.bags.report import info, info_lines, plain

    found = find_bags(arguments.bags)
    about = [info(path) for path in found]
    if arguments.json:
        print(json.dumps([plain(one) for one in about], indent=1))
        return 0
    for one in about:
        print("\n".join(info_lines(one, topics=len(found) == 1)))
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """``f2o bag check``."""
    from tqdm import tqdm

    from f2o_teleop.bags.check import Limits, check
    from f2o_teleop.bags.read import find_bags
    from f2o_teleop.bags.report import plain, verdict_line

    limits = Limits(idle_s=arguments.idle, gap_s=arguments.gap, rate=arguments.rate)
    verdicts = []
    with tqdm(find_bags(arguments.bags), unit="bag", disable=None) as bar:
        for path in bar:
            verdicts.append(check(path, limits))
            if not arguments.json:
                bar.write(verdict_line(verdicts[-1]), file=sys.stdout)
    if arguments.json:
        print(json.dumps([{**plain(v), "good": v.good} for v in verdicts], indent=1))
    bad = sum(not verdict.good for verdict in verdicts)
    print(f"{len(verdicts)} episodes, {bad} bad", file=sys.stderr)
    return BAD if bad else 0


def run_recover(arguments: argparse.Namespace) -> int:
    """``f2o bag recover``."""
    from f2o_teleop.bags.read import find_bags
    from f2o_teleop.bags.write import recover
    from f2o_teleop.errors import BagError

    found = find_bags(arguments.bags, partial=True)
    if arguments.out is not None and len(found) > 1:
        raise BagError(f"--out {arguments.out}: expected one bag to recover, got {len(found)}")
    failed = 0
    for path in found:
        try:
            done = recover(path, arguments.out, arguments.compression, sys.stderr.isatty())
        except BagError as error:
            if len(found) == 1:
                raise
            failed += 1
            print(f"f2o bag: {error}", file=sys.stderr)
        else:
            _say(done, f"{path} is left as it was")
    return BAD if failed else 0


def run_trim(arguments: argparse.Namespace) -> int:
    """``f2o bag trim``."""
    from f2o_teleop.bags.write import trim
    from f2o_teleop.errors import BagError

    if (arguments.begin, arguments.end, arguments.idle) == (None, None, None):
        raise BagError("trim: expected --from, --to or --idle")
    done = trim(
        arguments.bag,
        arguments.out,
        arguments.begin,
        arguments.end,
        arguments.idle,
        arguments.compression,
        sys.stderr.isatty(),
    )
    _say(done)
    return 0


def run_merge(arguments: argparse.Namespace) -> int:
    """``f2o bag merge``."""
    from f2o_teleop.bags.write import merge

    _say(merge(arguments.bags, arguments.out, arguments.compression, sys.stderr.isatty()))
    return 0


def run_play(arguments: argparse.Namespace) -> int:
    """``f2o bag play``."""
    from f2o_teleop.bags.play import PlayOptions, chosen
    from f2o_teleop.bags.read import open_complete

    options = PlayOptions(
        arguments.speed,
        tuple(arguments.topics),
        tuple(arguments.exclude),
        dict(arguments.remap),
        arguments.restamp,
        arguments.clock,
        arguments.loop,
    )
    bag = open_complete(arguments.bag)
    chosen(bag, options)  # mistakes first: ROS takes a second to import
    player = _ros("player_node")
    played, listening, stopped = player.play(bag, options, arguments.wait, sys.stderr.isatty())
    if played is not None:
        late = ", ".join(f"{name} {value:g} ms" for name, value in played.late_ms.items())
        heard = f"{listening} of {len(chosen(bag, options))} topics heard by somebody"
        print(
            f"{played.messages} messages, {played.bag_s:.2f} s of the bag in {played.wall_s:.2f} s; {heard}"
            f"{'; late ' + late if late else ''}"
        )
    return STOPPED if stopped else 0


def run_replay(arguments: argparse.Namespace) -> int:
    """``f2o bag replay``."""
    from f2o_teleop.bags.read import open_complete
    from f2o_teleop.bags.replay import load_track

    track = load_track(open_complete(arguments.bag), arguments.topic, arguments.begin, arguments.end)
    node = _ros("replay_node")
    done = node.replay(track, arguments.speed, arguments.arm, arguments.wait, sys.stderr.isatty())
    if done is None or not done.complete:
        return STOPPED
    print(
        f"{done.seconds:.1f} s replayed; the arm was never more than {done.worst_rad:.3f} rad from its target"
    )
    return 0


def _ros(module: str) -> Any:
    from f2o_teleop.errors import PlayError

    try:
        return importlib.import_module(f"f2o_teleop.bags.{module}")
    except ImportError as error:
        raise PlayError(f"needs ROS 2, which cannot be imported ({error}); run make setup") from None


def _say(done: Any, note: str = "") -> None:
    """One line on a new bag."""
    summary = done.summary
    size = f"{summary.size_bytes / 1e6:.1f} MB"
    text = f"{summary.folder}: {summary.duration_s:.2f} s, {summary.messages} messages, {size}"
    print(f"{text}; {note}" if note else text)
