"""joint_trajectory_controller as the arm sees it: what ros2_controllers does with a JointTrajectory, without ROS.

The newest trajectory replaces the old one and starts from the current *desired* state
(``interpolate_from_desired_state: true``), cubic where points carry velocities, linear where they do not; at the end
the arm stops at the last point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64, Int64

from f2o_sim.errors import TrajectoryError


@dataclass(frozen=True)
class Trajectory:
    """Points in time."""

    start_ns: int  # 0: on reception
    times_ns: Int64[np.ndarray, " n"]  # from the start, increasing
    positions: Float64[np.ndarray, "n 7"]  # [rad]
    velocities: Float64[np.ndarray, "n 7"] | None = None  # [rad/s]

    def check(self) -> None:
        """Refuse what the real controller refuses.

        Raises:
            TrajectoryError: empty, times not increasing, or a number that is not finite.
        """
        if len(self.times_ns) == 0:
            raise TrajectoryError("trajectory: expected at least one point, got none")
        if self.times_ns[0] < 0 or np.any(np.diff(self.times_ns) <= 0):
            raise TrajectoryError("trajectory: time_from_start: expected increasing times from 0 on")
        if not np.isfinite(self.positions).all():
            raise TrajectoryError("trajectory: positions: expected finite numbers")
        if self.velocities is not None and not np.isfinite(self.velocities).all():
            raise TrajectoryError("trajectory: velocities: expected finite numbers")


class TrajectoryController:
    """The desired state of the joints as a function of time."""

    def __init__(self, q: Float64[np.ndarray, " 7"]) -> None:
        self.reset(q)

    def reset(self, q: Float64[np.ndarray, " 7"]) -> None:
        """Drop the trajectory; the desired state is rest at ``q`` [rad]."""
        self._knots_ns = np.zeros(1, np.int64)
        self._positions = np.array(q, np.float64)[None]
        self._velocities: Float64[np.ndarray, "n 7"] | None = None

    def accept(self, trajectory: Trajectory, now_ns: int) -> None:
        """Follow ``trajectory`` from the desired state at ``now_ns`` on; points already past are skipped.

        Raises:
            TrajectoryError: the trajectory is malformed; the old one stays.
        """
        trajectory.check()
        times = (trajectory.start_ns or now_ns) + trajectory.times_ns
        ahead = times > now_ns
        if not ahead.any():  # all in the past: go to the last point at once, as the real controller does
            ahead[-1], times = True, np.maximum(times, now_ns + 1)
        q, dq = self.desired(now_ns)
        self._knots_ns = np.concatenate([[now_ns], times[ahead]])
        self._positions = np.vstack([q, trajectory.positions[ahead]])
        velocities = trajectory.velocities
        self._velocities = None if velocities is None else np.vstack([dq, velocities[ahead]])

    def desired(self, now_ns: int) -> tuple[Float64[np.ndarray, " 7"], Float64[np.ndarray, " 7"]]:
        """Position [rad] and velocity [rad/s] at ``now_ns``."""
        knots = self._knots_ns
        if now_ns > knots[-1] or len(knots) == 1:
            return self._positions[-1].copy(), np.zeros(7)
        k = max(1, int(np.searchsorted(knots, now_ns)))  # a knot belongs to the segment that it ends
        span = (knots[k] - knots[k - 1]) / NS_PER_S
        u = (now_ns - knots[k - 1]) / NS_PER_S / span
        p0, p1 = self._positions[k - 1], self._positions[k]
        if self._velocities is None:
            return p0 + u * (p1 - p0), (p1 - p0) / span
        return _hermite(p0, p1, self._velocities[k - 1], self._velocities[k], u, span)


def _hermite(
    p0: Float64[np.ndarray, " 7"],
    p1: Float64[np.ndarray, " 7"],
    v0: Float64[np.ndarray, " 7"],
    v1: Float64[np.ndarray, " 7"],
    u: float,
    span: float,
) -> tuple[Float64[np.ndarray, " 7"], Float64[np.ndarray, " 7"]]:
    """Cubic with the given end positions and velocities at u in [0, 1] of ``span`` seconds."""
    step = p1 - p0
    a = span * (v0 + v1) - 2.0 * step
    b = 3.0 * step - span * (2.0 * v0 + v1)
    position = ((a * u + b) * u + span * v0) * u + p0
    return position, ((3.0 * a * u + 2.0 * b) * u) / span + v0


class GripperController:
    """The Franka hand: a width is approached at the finger speed, never jumped to."""

    SPEED_M_S = 0.2  # of the width; each finger moves at half of it

    def __init__(self, width: float) -> None:
        self.reset(width)

    def reset(self, width: float) -> None:
        """Stand at ``width`` [m]."""
        self._from, self._goal, self._since_ns = width, width, 0

    def accept(self, width: float, now_ns: int) -> None:
        """Open or close to ``width`` [m].

        Raises:
            TrajectoryError: the width is not a finite number.
        """
        if not np.isfinite(width):
            raise TrajectoryError(f"gripper: width: expected a number from 0 to 0.08 m, got {width}")
        if width != self._goal:
            self._from, self._goal, self._since_ns = (
                self.desired(now_ns),
                float(np.clip(width, 0.0, 0.08)),
                now_ns,
            )

    def desired(self, now_ns: int) -> float:
        """The width to hold at ``now_ns`` [m]."""
        reach = self.SPEED_M_S * max(0, now_ns - self._since_ns) / NS_PER_S
        return self._from + min(max(self._goal - self._from, -reach), reach)
