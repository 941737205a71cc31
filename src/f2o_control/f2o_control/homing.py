"""The way home: straight in joint space, at rest at both ends."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.limits import Joints
from f2o_control.reference import Reference

PEAK = 1.875  # of the mean speed: the fastest moment of a minimum-jerk path
SHORTEST_S = 0.5


class WayHome:
    """A minimum-jerk path from ``start`` to ``home`` [rad] whose fastest joint moves at ``speed`` [rad/s] at most."""

    def __init__(self, start: Joints, home: Joints, speed: float, begin_mono_ns: int) -> None:
        self._start, self._way, self._begin_ns = start, home - start, begin_mono_ns
        self.duration_s = max(float(np.abs(self._way).max()) * PEAK / speed, SHORTEST_S)

    def at(self, mono_ns: int) -> Reference:
        """Where the joints should be at ``mono_ns``; before and after it rests."""
        u = min(max((mono_ns - self._begin_ns) / NS_PER_S / self.duration_s, 0.0), 1.0)
        share = u**3 * (10 - 15 * u + 6 * u * u)
        pace = 30 * u * u * (1 - u) ** 2 / self.duration_s
        return Reference(self._start + share * self._way, pace * self._way)

    def over(self, mono_ns: int) -> bool:
        """Whether the path has come to its end."""
        return mono_ns - self._begin_ns >= self.duration_s * NS_PER_S
