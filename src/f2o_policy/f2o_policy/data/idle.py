"""Shorten the pauses of a demonstration, as an option: a policy trained on many of them learns to wait."""

from __future__ import annotations

import dataclasses

import numpy as np
from f2o_bags.motion import Motion
from f2o_bags.topics import JOINT_COMMAND
from f2o_nodekit.joints import GRIPPER_WIDTH
from f2o_perception.frames import Observation
from jaxtyping import Float64, Int64

COLUMNS = (*(f"joint{k}" for k in range(1, 8)), GRIPPER_WIDTH)


def command_motion(stamps_ns: Int64[np.ndarray, " t"], commands: Float64[np.ndarray, "t 8"]) -> Motion:
    """The commands as a ``Motion``, which tells rest from motion as for bags."""
    return Motion(JOINT_COMMAND, COLUMNS, stamps_ns, commands)


def pauses(
    stamps_ns: Int64[np.ndarray, " t"], commands: Float64[np.ndarray, "t 8"], longest_ns: int
) -> list[tuple[int, int]]:
    """Spans to cut: the middle of every rest between two motions, so that ``longest_ns`` of it remain."""
    rests = list(command_motion(stamps_ns, commands).rests())[1:-1]
    half = longest_ns // 2
    return [(begin + half, end - (longest_ns - half)) for begin, end in rests if end - begin > longest_ns]


def cut(
    observations: list[Observation],
    stamps_ns: Int64[np.ndarray, " t"],
    commands: Float64[np.ndarray, "t 8"],
    longest_ns: int,
) -> tuple[list[Observation], Int64[np.ndarray, " u"], Float64[np.ndarray, "u 8"], int]:
    """Observations and commands with shorter pauses, and the time cut [ns].

    Stamps after a cut are earlier than recorded, by the sum of the cuts before them.
    """
    spans = pauses(stamps_ns, commands, longest_ns)
    if not spans:
        return observations, stamps_ns, commands, 0
    begins, ends = np.array(spans).T
    lost = np.concatenate([[0], np.cumsum(ends - begins)])

    def shifted(stamp: int) -> int:
        return stamp - int(lost[np.searchsorted(ends, stamp, "right")])

    def inside(stamp: int) -> bool:
        which = int(np.searchsorted(ends, stamp, "right"))
        return which < len(begins) and bool(begins[which] <= stamp)

    kept = [
        dataclasses.replace(
            o,
            stamp_ros_ns=shifted(o.stamp_ros_ns),
            view_stamps_ros_ns=o.view_stamps_ros_ns - (o.stamp_ros_ns - shifted(o.stamp_ros_ns)),
        )
        for o in observations
        if not inside(o.stamp_ros_ns)
    ]
    stays = ~np.array([inside(int(s)) for s in stamps_ns])
    return (
        kept,
        np.array([shifted(int(s)) for s in stamps_ns[stays]], np.int64),
        commands[stays],
        int(lost[-1]),
    )
