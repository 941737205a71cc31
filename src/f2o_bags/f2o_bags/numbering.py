"""Episodes are numbered by what lies in the output folder, through restarts and crashes."""

import re
from pathlib import Path

from f2o_bags.writer import PARTIAL

EPISODE = re.compile(r"episode_(\d+)(\..*)?")


def episode_name(index: int) -> str:
    """The folder of an episode, and the beginning of its files' names."""
    return f"episode_{index:04d}"


def next_index(output: Path) -> int:
    """One more than the highest episode number in `output`, left-overs of crashes included."""
    found = [EPISODE.fullmatch(entry.name) for entry in output.iterdir()] if output.is_dir() else []
    return max((int(match[1]) for match in found if match), default=-1) + 1


def leftovers(output: Path) -> list[str]:
    """Names of unfinished bags that an earlier session left behind; they are never touched."""
    return sorted(entry.name for entry in output.glob(f"episode_*{PARTIAL}"))
