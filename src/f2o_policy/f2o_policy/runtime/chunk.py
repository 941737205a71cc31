"""A chunk of joint targets as a trajectory in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64


@dataclass(frozen=True)
class Chunk:
    """H targets, the k-th due at ``t0_ns + k * dt_ns``.

    Attributes:
        t0_ns: time of the first point [ns]; the clock is the caller's (ROS time in the nodes).
        dt_ns: spacing of the points [ns].
        points: (H, D) joint targets [rad] and, in the last column, the gripper's width [m].
    """

    t0_ns: int
    dt_ns: int
    points: Float64[np.ndarray, "H D"]

    @property
    def end_ns(self) -> int:
        """Time of the last point [ns]."""
        return self.t0_ns + (len(self.points) - 1) * self.dt_ns

    def at(self, times_ns: Int64[np.ndarray, " T"]) -> Float64[np.ndarray, "T D"]:
        """Targets at ``times_ns``: linear between points, the first or last point outside."""
        u = np.clip((times_ns - self.t0_ns) / self.dt_ns, 0, len(self.points) - 1)
        k = np.minimum(u.astype(int), len(self.points) - 2)
        f = (u - k)[:, None]
        return (1 - f) * self.points[k] + f * self.points[k + 1]


def catmull_rom(
    points: Float64[np.ndarray, "K D"], u: float
) -> tuple[Float64[np.ndarray, " D"], Float64[np.ndarray, " D"]]:
    """Value and derivative (per knot) of the Catmull-Rom spline through ``points`` at ``u`` in [0, K-1].

    The spline passes through every knot with a continuous velocity, so that targets have no velocity step at a knot.
    Outside the range the end point is held (derivative 0).
    """
    last = len(points) - 1
    if u <= 0 or u >= last:
        return points[0 if u <= 0 else last].copy(), np.zeros(points.shape[1])
    k = int(u)
    f = u - k
    p0, p1, p2, p3 = (points[min(max(i, 0), last)] for i in (k - 1, k, k + 1, k + 2))
    a, b, c = (p3 - p0 + 3 * (p1 - p2)) / 2, p0 - 2.5 * p1 + 2 * p2 - p3 / 2, (p2 - p0) / 2
    return ((a * f + b) * f + c) * f + p1, (3 * a * f + 2 * b) * f + c
