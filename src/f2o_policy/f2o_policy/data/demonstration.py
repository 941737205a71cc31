"""One demonstration in memory, wherever it was recorded, and where it begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from f2o_perception.frames import Observation
from jaxtyping import Float64, Int64

from f2o_policy.data.idle import moved

LEAD_IN_NS, LEAD_OUT_NS = 100_000_000, 500_000_000  # kept of the stillness before and after the motion


@dataclass(frozen=True)
class Demonstration:
    """One episode: what was seen, and what was sent (stamps (T,) ROS ns, commands (T,8): joints [rad], width [m])."""

    observations: list[Observation]
    command_stamps_ros_ns: Int64[np.ndarray, " t"]
    commands: Float64[np.ndarray, "t 8"]
    meta: dict[str, Any]


def motion(stamps: Int64[np.ndarray, " t"], commands: Float64[np.ndarray, "t 8"]) -> tuple[int, int]:
    """Stamps at which the commands begin and cease to move (f2o_bags.motion); the whole span if they never do."""
    return moved(stamps, commands).moving() or (int(stamps[0]), int(stamps[-1]))


def in_motion(
    observations: list[Observation],
    stamps: Int64[np.ndarray, " t"],
    commands: Float64[np.ndarray, "t 8"],
    within: tuple[int, int] | None = None,
) -> list[Observation]:
    """The observations without the stillness at both ends, and ``within`` a span of stamps."""
    first, last = motion(stamps, commands)
    first, last = first - LEAD_IN_NS, last + LEAD_OUT_NS
    if within is not None:
        first, last = max(first, within[0]), min(last, within[1])
    return [o for o in observations if first <= o.stamp_ros_ns <= last]
