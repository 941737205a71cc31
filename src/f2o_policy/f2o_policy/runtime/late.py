"""A chunk that comes too late to be spliced into at its present point, begun where the arm is.

What has expired is dropped, and what a splice then covers is a straight line in joint space that nobody planned. After
the tens of milliseconds of a fast head that line is millimetres long. After a second it may lead through whatever
the expired points went around.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from f2o_policy.runtime.chunk import Chunk

STEP_NS = 25_000_000  # between two entries that are tried


def enter(chunk: Chunk, last: Float64[np.ndarray, " D"], now_ns: int, max_splice_rad: float) -> Chunk:
    """``chunk``, later by the least that puts it within ``max_splice_rad`` of the target ``last`` now.

    Only what has expired can be made up for: the chunk is put off by no more than the time since its first point. Where
    no such point is near, by what comes nearest. Distances are RMS over the joints [rad], without the gripper.
    """
    shifts = np.arange(max(now_ns - chunk.t0_ns, 0) // STEP_NS + 1, dtype=np.int64) * STEP_NS
    difference = (chunk.at(now_ns - shifts) - last)[:, :-1]
    apart = np.sqrt((difference**2).mean(axis=1))
    near = apart <= max_splice_rad
    best = int(np.argmax(near)) if near.any() else int(np.argmin(apart))
    return Chunk(chunk.t0_ns + int(shifts[best]), chunk.dt_ns, chunk.points)
