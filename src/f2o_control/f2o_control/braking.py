"""The shortest stop of each joint that its acceleration and jerk limits allow, in closed form.

This is the one motion that must always be possible, so it depends on no library and on no iteration.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from f2o_control.robot import Joints

TICKS_PER_S = 1e6  # knots are told apart to a microsecond
Samples = Float64[np.ndarray, "points joints"]


@dataclass(frozen=True)
class JointState:
    """Position [rad], velocity [rad/s] and acceleration [rad/s2] of every joint, shapes (joints,)."""

    position: Joints
    velocity: Joints
    acceleration: Joints

    @staticmethod
    def at_rest(position: Joints) -> JointState:
        """Standing still at ``position``."""
        zero = np.zeros(len(position))
        return JointState(np.array(position, dtype=float), zero, zero.copy())


@dataclass(frozen=True)
class StopPlan:
    """Three phases of constant jerk (+j, 0, -j, times ``direction``) that bring every joint to rest from ``start``.

    With d = ``direction`` and all quantities multiplied by it, the velocity has to rise to 0: the acceleration climbs
    from a to the peak p (p^2 = -j v + a^2 / 2, at most the limit), stays, and falls back to 0.
    """

    start: JointState
    direction: Joints  # +1 or -1, the sign of the braking acceleration
    jerk: Joints  # rad/s3, magnitude
    phases: Float64[np.ndarray, "3 joints"]  # s

    @cached_property
    def duration(self) -> float:
        """Seconds until the last joint is at rest."""
        return float(self.phases.sum(axis=0).max())

    def at(self, time_s: float) -> JointState:
        """The state ``time_s`` seconds after the start; at rest from ``duration`` on."""
        return JointState(*self._integrate(max(time_s, 0.0)))

    def sample(self, times_s: Float64[np.ndarray, " points"]) -> tuple[Samples, Samples]:
        """Positions and velocities at several times, shapes (points, joints)."""
        return self._integrate(times_s[:, None])[:2]

    @cached_property
    def fastest(self) -> Joints:
        """No joint is faster than this on the way [rad/s]."""
        v, a = self.start.velocity, self.start.acceleration
        return np.maximum(np.abs(v), np.abs(v + a * np.abs(a) / (2 * self.jerk)))

    @cached_property
    def bound(self) -> Joints:
        """No joint gets farther from its start than this on the way [rad]: its fastest moment for all of the time."""
        return self.fastest * self.duration

    @cached_property
    def end(self) -> Joints:
        """Where every joint comes to rest."""
        return self.at(np.inf).position

    @cached_property
    def reach(self) -> tuple[Joints, Joints]:
        """The lowest and highest position of every joint on the way."""
        start, end = self.start.position, self.end
        turn = self._turning_point()
        return np.minimum(np.minimum(start, end), turn), np.maximum(np.maximum(start, end), turn)

    @cached_property
    def knots(self) -> Float64[np.ndarray, " n"]:
        """The times [s], rising, at which the jerk of a joint changes, with the start's and the end's.

        Between two of them every joint moves along a cubic, so that cubic splines through states at these times are
        the stop itself.
        """
        ends = np.cumsum(self.phases, axis=0).ravel()
        return np.unique(np.rint(np.append(ends, 0.0) * TICKS_PER_S)) / TICKS_PER_S

    def _integrate(self, left: float | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, velocity and acceleration after ``left`` seconds, phase by phase."""
        q, v, a = self.start.position, self.start.velocity, self.start.acceleration
        for sign, length in zip((1.0, 0.0, -1.0), self.phases, strict=True):
            t, j = np.minimum(left, length), sign * self.direction * self.jerk
            q = q + t * (v + t * (a / 2 + t * j / 6))
            v, a = v + t * (a + t * j / 2), a + t * j
            left = left - t
        done = left > 0  # exactly, where the arithmetic leaves 1e-17
        return q, np.where(done, 0.0, v), np.where(done, 0.0, a)

    def _turning_point(self) -> Joints:
        """Where a joint that still moves the other way turns round; its start where none does."""
        v, a = self.direction * self.start.velocity, self.direction * self.start.acceleration
        turns = (v > 0) & (a < 0)
        t = np.where(turns, (-a - np.sqrt(np.maximum(a * a - 2 * self.jerk * v, 0.0))) / self.jerk, 0.0)
        return self.start.position + self.direction * t * (v + t * (a / 2 + t * self.jerk / 6))


def plan_stop(start: JointState, acceleration: Joints, jerk: Joints) -> StopPlan:
    """The time-optimal stop from ``start`` with |acceleration| and |jerk| bounded, each joint for itself."""
    v, a = start.velocity, start.acceleration
    at_zero_acceleration = v + a * np.abs(a) / (2 * jerk)
    direction = np.where(at_zero_acceleration > 0, -1.0, 1.0)
    v, a = direction * v, direction * a
    free_peak = np.sqrt(np.maximum(a * a / 2 - jerk * v, 0.0))
    peak = np.maximum(np.minimum(free_peak, acceleration), a)
    hold = (-v - (2 * peak * peak - a * a) / (2 * jerk)) / acceleration
    phases = np.stack([(peak - a) / jerk, np.where(free_peak > acceleration, hold, 0.0), peak / jerk])
    return StopPlan(start, direction, jerk, np.maximum(phases, 0.0))
