"""Recorded bags through check, convert, to-lerobot and from-lerobot, by the commands that a person types."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bags.check import check
from f2o_bags.discovery import find_bags
from f2o_policy.data.store import Dataset
from f2o_teleop.errors import TeleopError

FPS = 125  # of the export: every observation has a frame of its own
SAME = ("rgb", "depth_mm", "points", "stamps", "view_stamps", "joints")
SAME_COMMAND = 1e-6  # rad, m: LeRobot's actions are float32


def run(bags: Path, folder: Path) -> dict[str, Any]:
    """Every bag there and back; ``differences`` says which arrays are not what they were.

    Raises:
        BagError: no bag there. TeleopError: a command failed; the text is its output.
    """
    found = find_bags([bags])
    verdicts = [check(bag) for bag in found]
    data, exported, back = (folder / name for name in ("data", "lerobot", "back"))
    seconds = {
        "convert": _call("convert", bags, "--out", data),
        "to-lerobot": _call("to-lerobot", data, "--out", exported, "--fps", FPS),
        "from-lerobot": _call("from-lerobot", exported, "--out", back),
    }
    before, after = Dataset(data, verify=True), Dataset(back, verify=True)
    return {
        "bags": len(found),
        "good": sum(one.good for one in verdicts),
        "each_problem": [f"{bag.name}: {p}" for bag, one in zip(found, verdicts, strict=True) for p in one.problems],
        "episodes": len(before.episodes),
        "episodes_back": len(after.episodes),
        "observations": len(before),
        "data_sha256": before.sha256,
        "wall_s": seconds,
        "differences": differences(before, after),
    }  # fmt: skip


def differences(before: Dataset, after: Dataset) -> list[str]:
    """Where two data sets differ, in sentences.

    Commands are compared at the stamps that came back, between two of those that were sent: LeRobot's frames lie on a
    uniform clock.
    """
    wrong = [name for name in SAME if not np.array_equal(before[name], after[name])]
    if [e.meta for e in before.episodes] != [e.meta for e in after.episodes]:
        wrong.append("what is said of the episodes")
    if len(before.episodes) != len(after.episodes):
        return [*wrong, "number of episodes"]
    for one, other in zip(before.episodes, after.episodes, strict=True):
        old, new = slice(*one.commands), slice(*other.commands)
        stamps = before["command_stamps"][old]
        # From the first one on: a float holds the nanoseconds of a day, not those since 1970.
        at, stamps = after["command_stamps"][new] - stamps[0], stamps - stamps[0]
        wished = np.stack([np.interp(at, stamps, joint) for joint in before["commands"][old].T], axis=1)
        if (away := float(np.abs(after["commands"][new] - wished).max())) > SAME_COMMAND:
            wrong.append(f"commands of episode {one.index}, by {away:.2g}")
    return wrong


def _call(*words: object) -> float:
    """One command of ``f2o``; the seconds it took."""
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "f2o_bringup.cli", *map(str, words)], capture_output=True, text=True
    )
    if done.returncode:
        raise TeleopError(f"f2o {words[0]}: {(done.stdout + done.stderr)[-2000:]}")
    return round(time.monotonic() - begin, 1)
