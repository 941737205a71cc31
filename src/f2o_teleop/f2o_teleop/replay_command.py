"""``f2o bag replay``: the arm repeats an episode. Cheap to import: imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from f2o_bags.commands import INTERRUPTED, positive, ros_module
from f2o_bags.topics import JOINT_COMMAND
from f2o_nodekit.names import namespace_word


def add(verbs: Any) -> None:
    """Add ``replay`` to the verbs of ``f2o bag`` (entry point group f2o.bag)."""
    replay = verbs.add_parser(
        "replay", help="move the arm as in an episode, through the bridge (f2o-launch replay)"
    )
    replay.set_defaults(run=run_replay)
    replay.add_argument("bag", type=Path)
    replay.add_argument(
        "--topic", default=JOINT_COMMAND, help="targets to follow (default what the bridge sent)"
    )
    replay.add_argument("--speed", type=positive, default=1.0, help="times true speed (default 1)")
    replay.add_argument("--from", type=float, default=0.0, dest="begin", metavar="S")
    replay.add_argument("--to", type=float, dest="end", metavar="S")
    replay.add_argument(
        "--arm", action="store_true", help="arm the bridge; otherwise wait until somebody does"
    )
    replay.add_argument("--namespace", type=namespace_word, default="", help="of the arm, as of f2o-launch")
    replay.add_argument("--wait", type=float, default=30.0, metavar="S", help="for the bridge (default 30)")


def run_replay(arguments: argparse.Namespace) -> int:
    """``f2o bag replay``; returns the exit status.

    Raises:
        BagError: the bag is truncated, or has no such targets.
        PlayError: no ROS, no arm, no bridge in mode replay, or the bridge left it.
    """
    from f2o_bags.read import open_complete

    from f2o_teleop.replay import load_trajectory

    trajectory = load_trajectory(
        open_complete(arguments.bag), arguments.topic, arguments.begin, arguments.end
    )
    node = ros_module("f2o_teleop.replay_node")
    done = node.replay(
        trajectory,
        arguments.speed,
        arguments.arm,
        arguments.wait,
        arguments.namespace,
        sys.stderr.isatty(),
    )
    if done is None or not done.complete:
        return INTERRUPTED
    print(
        f"{done.seconds:.1f} s replayed; the arm was never more than {done.worst_rad:.3f} rad from its target"
    )
    return 0
