"""A chunk that puts off what the plan is about to do, begun earlier by as much.

A chunk begins with what is left of a pause, however often it is asked for. Blended as it comes, its pause would move
along with the clock: an arm that asks 125 times a second would never lift what it holds, and come late to what moves.
"""

from __future__ import annotations

import numpy as np

from f2o_policy.runtime.chunk import Chunk

STEP_NS = 25_000_000  # between two advances that are tried
SAME = 2e-4  # rad: of advances that fit alike the least is taken
GRIPPER = 2.0  # rad per m: opening and closing count as much as the arm's way there
FEWEST = 2  # points, to compare at all


def advance(chunk: Chunk, plan: Chunk, now_ns: int, reach_ns: int, most_ns: int) -> Chunk:
    """``chunk``, earlier by what fits ``plan`` best over the next ``reach_ns``: 0 to ``most_ns``.

    What is compared is where the joints and the fingers are, point by point of the chunk. The plan itself stays where
    it is: an advance keeps its timing, and does not speed it up.
    """
    shifts = np.arange(most_ns // STEP_NS + 1, dtype=np.int64) * STEP_NS
    last = min(now_ns + reach_ns, plan.end_ns, chunk.end_ns - int(shifts[-1]))
    times = np.arange(max(now_ns, chunk.t0_ns), last + 1, chunk.dt_ns, dtype=np.int64)
    if len(shifts) == 1 or len(times) < FEWEST:
        return chunk
    later = chunk.at((times + shifts[:, None]).ravel()).reshape(len(shifts), len(times), -1)
    apart = np.abs(later - plan.at(times))
    apart[..., -1] *= GRIPPER
    misfit = apart.mean(axis=(1, 2))
    best = int(np.argmax(misfit <= misfit.min() + SAME))
    return Chunk(chunk.t0_ns - int(shifts[best]), chunk.dt_ns, chunk.points)
