"""Postpone a chunk that arrives so late that its present point is far from the arm.

A splice to that point would be a straight line in joint space. With a fast head the line is millimetres long; after a
second it may lead through an obstacle that the expired points went around.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from f2o_policy.runtime.chunk import Chunk

STEP_NS = 25_000_000  # between the delays that are tried


def postpone(chunk: Chunk, last: Float64[np.ndarray, " D"], now_ns: int, max_splice_rad: float) -> Chunk:
    """``chunk``, delayed by the least that brings its point of now within ``max_splice_rad`` of the target ``last``.

    The delay is at most the time since the first point. If no point is near enough, the nearest is taken. Distances are
    RMS over the joints [rad], without the gripper.
    """
    delays = np.arange(max(now_ns - chunk.t0_ns, 0) // STEP_NS + 1, dtype=np.int64) * STEP_NS
    difference = (chunk.at(now_ns - delays) - last)[:, :-1]
    distances = np.sqrt((difference**2).mean(axis=1))
    near = distances <= max_splice_rad
    best = int(np.argmax(near)) if near.any() else int(np.argmin(distances))
    return Chunk(chunk.t0_ns + int(delays[best]), chunk.dt_ns, chunk.points)
