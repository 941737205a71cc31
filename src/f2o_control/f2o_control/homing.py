"""The homing trajectory: straight in joint space, at rest at both ends."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.minimum_jerk import duration_s, minimum_jerk
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.limits import Joints
from f2o_control.reference import Reference

SHORTEST_S = 0.5


class HomingTrajectory:
    """Minimum jerk from ``start`` to ``home`` [rad]; the fastest joint moves at ``speed`` [rad/s] at most."""

    def __init__(self, start: Joints, home: Joints, speed: float, begin_mono_ns: int) -> None:
        self._start, self._way, self._begin_ns = start, home - start, begin_mono_ns
        self.duration_s = duration_s(float(np.abs(self._way).max()), speed, SHORTEST_S)

    def at(self, mono_ns: int) -> Reference:
        """The reference at ``mono_ns``, at rest before the start and after the end."""
        share, rate = minimum_jerk((mono_ns - self._begin_ns) / NS_PER_S / self.duration_s)
        return Reference(self._start + share * self._way, rate / self.duration_s * self._way)

    def over(self, mono_ns: int) -> bool:
        """Whether the trajectory has ended."""
        return mono_ns - self._begin_ns >= self.duration_s * NS_PER_S
