"""One demonstration in memory, from a bag or from the simulator, and where its motion begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from f2o_perception.frames import Observation
from jaxtyping import Float64, Int64

from f2o_policy.data.idle import command_motion

LEAD_IN_NS, LEAD_OUT_NS = 100_000_000, 500_000_000  # of the rest before and after the motion that is kept


@dataclass(frozen=True)
class Demonstration:
    """One episode: its observations and the commands sent (stamps (T,) ROS ns; (T,8): joints [rad], width [m])."""

    observations: list[Observation]
    command_stamps_ros_ns: Int64[np.ndarray, " t"]
    commands: Float64[np.ndarray, "t 8"]
    meta: dict[str, Any]


def motion(stamps: Int64[np.ndarray, " t"], commands: Float64[np.ndarray, "t 8"]) -> tuple[int, int]:
    """Stamps at which the commands begin and cease to move (f2o_bags.motion); the whole span if they never do."""
    return command_motion(stamps, commands).moving() or (int(stamps[0]), int(stamps[-1]))


def in_motion(
    observations: list[Observation],
    stamps: Int64[np.ndarray, " t"],
    commands: Float64[np.ndarray, "t 8"],
    within: tuple[int, int] | None = None,
) -> list[Observation]:
    """The observations without the rest at both ends; at most those ``within`` a span of stamps."""
    first, last = motion(stamps, commands)
    first, last = first - LEAD_IN_NS, last + LEAD_OUT_NS
    if within is not None:
        first, last = max(first, within[0]), min(last, within[1])
    return [o for o in observations if first <= o.stamp_ros_ns <= last]
