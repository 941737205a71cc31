"""A smooth TCP path near waypoints, and a trapezoidal speed profile along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

ROUNDING = 4  # iterations of corner cutting; waypoints are blended, not visited
SAMPLES = 400


@dataclass(frozen=True)
class Path:
    """A curve by arc length."""

    arc: Float64[np.ndarray, " n"]  # [m], from 0, increasing
    points: Float64[np.ndarray, "n 3"]  # [m]

    @property
    def length(self) -> float:
        """Of the whole curve [m]."""
        return float(self.arc[-1])

    def at(self, s: float) -> Float64[np.ndarray, " 3"]:
        """The point ``s`` metres from the start."""
        return np.array([np.interp(s, self.arc, axis) for axis in self.points.T])


def blend(waypoints: Float64[np.ndarray, "n 3"]) -> Path:
    """A curve from the first to the last waypoint that rounds the others off (Chaikin's corner cutting, in the
    limit a quadratic B-spline: continuous tangent, inside the waypoints' hull).
    """
    points = waypoints
    for _ in range(ROUNDING):
        early, late = 0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]
        cut = np.stack([early, late], axis=1).reshape(-1, 3)
        points = np.vstack([points[:1], cut[1:-1], points[-1:]])
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    even = np.linspace(0.0, arc[-1], SAMPLES)
    return Path(even, np.column_stack([np.interp(even, arc, axis) for axis in points.T]))


class PathFollower:
    """Position along a path per tick: trapezoidal speed, reduced to ``end_speed`` within ``slow_m`` of the end."""

    def __init__(
        self, path: Path, speed: float, end_speed: float, slow_m: float, acceleration: float
    ) -> None:
        self.path = path
        self.s, self.speed = 0.0, 0.0
        self._fast, self._slow, self._slow_m, self._acceleration = speed, end_speed, slow_m, acceleration

    @property
    def left(self) -> float:
        """Metres to the end."""
        return self.path.length - self.s

    def advance(self, dt: float) -> Float64[np.ndarray, " 3"]:
        """The point ``dt`` seconds later."""
        a = self._acceleration
        brake_to_slow = np.sqrt(self._slow**2 + 2 * a * max(0.0, self.left - self._slow_m))
        brake_to_stop = np.sqrt(2 * a * max(0.0, self.left))
        limit = min(self._fast, float(brake_to_slow), float(brake_to_stop))
        self.speed = min(limit, self.speed + a * dt)
        self.s = min(self.path.length, self.s + max(self.speed, 1e-3) * dt)
        return self.path.at(self.s)
