"""Pauses cut out of a demonstration, as an option: a policy that has seen many of them learns to wait."""

from __future__ import annotations

import dataclasses

import numpy as np
from f2o_perception.frames import Observation
from jaxtyping import Bool, Float64, Int64

MOVING_RAD = 1e-5  # a command that differs less from the one before stands still


def moving(commands: Float64[np.ndarray, "t 8"]) -> Bool[np.ndarray, " t1"]:
    """Whether each command differs from the one before it."""
    return (np.abs(np.diff(commands, axis=0)) > MOVING_RAD).any(1)


def pauses(
    stamps_ns: Int64[np.ndarray, " t"], commands: Float64[np.ndarray, "t 8"], longest_ns: int
) -> list[tuple[int, int]]:
    """What to cut: the middle of every stillness between two motions that lasts longer, down to ``longest_ns``."""
    changes = np.flatnonzero(moving(commands))
    found = []
    for before, after in zip(changes[:-1] + 1, changes[1:], strict=True):
        begin, end = int(stamps_ns[before]), int(stamps_ns[after])
        if end - begin > longest_ns:
            found.append((begin + longest_ns // 2, end - (longest_ns - longest_ns // 2)))
    return found


def cut(
    observations: list[Observation],
    stamps_ns: Int64[np.ndarray, " t"],
    commands: Float64[np.ndarray, "t 8"],
    longest_ns: int,
) -> tuple[list[Observation], Int64[np.ndarray, " u"], Float64[np.ndarray, "u 8"], int]:
    """Observations and commands without the middle of their pauses, what follows moved forward; and the time cut.

    Stamps after a cut are therefore earlier than recorded, by the sum of the cuts before them.
    """
    spans = pauses(stamps_ns, commands, longest_ns)
    if not spans:
        return observations, stamps_ns, commands, 0
    begins, ends = np.array(spans).T
    lost = np.concatenate([[0], np.cumsum(ends - begins)])

    def moved(stamp: int) -> int:
        return stamp - int(lost[np.searchsorted(ends, stamp, "right")])

    def inside(stamp: int) -> bool:
        which = int(np.searchsorted(ends, stamp, "right"))
        return which < len(begins) and bool(begins[which] <= stamp)

    kept = [
        dataclasses.replace(
            o,
            stamp_ros_ns=moved(o.stamp_ros_ns),
            view_stamps_ros_ns=o.view_stamps_ros_ns - (o.stamp_ros_ns - moved(o.stamp_ros_ns)),
        )
        for o in observations
        if not inside(o.stamp_ros_ns)
    ]
    stays = ~np.array([inside(int(s)) for s in stamps_ns])
    return kept, np.array([moved(int(s)) for s in stamps_ns[stays]], np.int64), commands[stays], int(lost[-1])
