"""Numbers of episodes: one more than the highest in the output folder, across restarts and crashes."""

import re
from pathlib import Path

from f2o_bags.writer import PARTIAL

EPISODE = re.compile(r"episode_(\d+)(\..*)?")


def episode_name(index: int) -> str:
    """Name of an episode: of its folder, and the beginning of its files' names."""
    return f"episode_{index:04d}"


def next_index(output: Path) -> int:
    """One more than the highest episode number in `output`, unfinished bags included."""
    found = [EPISODE.fullmatch(entry.name) for entry in output.iterdir()] if output.is_dir() else []
    return max((int(match[1]) for match in found if match), default=-1) + 1


def partial_bags(output: Path) -> list[str]:
    """Names of the unfinished bags in `output`, left by earlier sessions."""
    return sorted(entry.name for entry in output.glob(f"episode_*{PARTIAL}"))
