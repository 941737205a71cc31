"""What ``f2o bag ...`` does. Cheap to import: each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any

BAD = 1  # exit status when one of several episodes is bad or cannot be read
STOPPED = 130  # after Ctrl-C, as shells have it


def run_info(arguments: argparse.Namespace) -> int:
    """``f2o bag info``."""
    from f2o_bags.errors import BagError
    from f2o_bags.read import find_bags
    from f2o_bags.report import info, info_lines, plain

    found, about, problems = find_bags(arguments.bags), [], []
    for path in found:
        try:
            about.append(info(path))
        except BagError as error:
            problems.append(str(error))
    if arguments.json:
        print(json.dumps([plain(one) for one in about], indent=1))
    else:
        for one in about:
            print("\n".join(info_lines(one, topics=len(found) == 1)))
    for problem in problems:
        print(f"f2o bag info: {problem}", file=sys.stderr)
    return BAD if problems else 0


def run_check(arguments: argparse.Namespace) -> int:
    """``f2o bag check``."""
    from tqdm import tqdm

    from f2o_bags.check import Limits, check
    from f2o_bags.read import find_bags
    from f2o_bags.report import plain, verdict_line

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
    from f2o_bags.edit import recover
    from f2o_bags.errors import BagError
    from f2o_bags.read import find_unfinished

    found = find_unfinished(arguments.bags)
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
    from f2o_bags.edit import trim
    from f2o_bags.errors import BagError

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
    from f2o_bags.edit import merge

    _say(merge(arguments.bags, arguments.out, arguments.compression, sys.stderr.isatty()))
    return 0


def run_play(arguments: argparse.Namespace) -> int:
    """``f2o bag play``."""
    from f2o_bags.play import PlayOptions, chosen
    from f2o_bags.read import open_complete

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
    player = ros_module("f2o_bags.player_node")
    played, listening, stopped = player.play(bag, options, arguments.wait, sys.stderr.isatty())
    if played is not None:
        late = ", ".join(f"{name} {value:g} ms" for name, value in played.late_ms.items())
        heard = f"{listening} of {len(chosen(bag, options))} topics heard by somebody"
        print(
            f"{played.messages} messages, {played.bag_s:.2f} s of the bag in {played.wall_s:.2f} s; {heard}"
            f"{'; late ' + late if late else ''}"
        )
    return STOPPED if stopped else 0


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


def _say(summary: Any, note: str = "") -> None:
    """One line on a new bag."""
    size = f"{summary.size_bytes / 1e6:.1f} MB"
    text = f"{summary.folder}: {summary.duration_s:.2f} s, {summary.messages} messages, {size}"
    print(f"{text}; {note}" if note else text)
