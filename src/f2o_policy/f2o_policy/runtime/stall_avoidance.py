"""Stall avoidance: advance a chunk by as much as it delays the current plan.

A chunk begins with the rest of a demonstrated pause, however often it is requested. Blended without correction, the
pause would move along with the clock: an arm that replans 125 times a second would never lift what it holds, and lag
behind what moves.
"""

from __future__ import annotations

import numpy as np

from f2o_policy.runtime.chunk import Chunk

STEP_NS = 25_000_000  # between the advances that are tried
SAME = 2e-4  # rad: of advances that fit equally well the least is taken
GRIPPER = 2.0  # rad per m: weight of opening and closing
FEWEST = 2  # points needed for a comparison


def advance(chunk: Chunk, plan: Chunk, now_ns: int, compared_ns: int, max_advance_ns: int) -> Chunk:
    """``chunk``, advanced by 0 to ``max_advance_ns`` so that it fits ``plan`` best over the next ``compared_ns``.

    Positions of joints and gripper are compared at the points of the chunk. The plan keeps its timing and does not
    become faster.
    """
    shifts = np.arange(max_advance_ns // STEP_NS + 1, dtype=np.int64) * STEP_NS
    last = min(now_ns + compared_ns, plan.end_ns, chunk.end_ns - int(shifts[-1]))
    times = np.arange(max(now_ns, chunk.t0_ns), last + 1, chunk.dt_ns, dtype=np.int64)
    if len(shifts) == 1 or len(times) < FEWEST:
        return chunk
    later = chunk.at((times + shifts[:, None]).ravel()).reshape(len(shifts), len(times), -1)
    apart = np.abs(later - plan.at(times))
    apart[..., -1] *= GRIPPER
    misfit = apart.mean(axis=(1, 2))
    best = int(np.argmax(misfit <= misfit.min() + SAME))
    return Chunk(chunk.t0_ns - int(shifts[best]), chunk.dt_ns, chunk.points)
