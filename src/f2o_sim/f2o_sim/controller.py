"""What moves the simulated arm and gripper: joint_trajectory_controller, and a hand that takes widths. No ROS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from f2o_control.far_end import JointTrajectoryController, PastTrajectoryError
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
    """The desired state of the joints as a function of time: ``f2o_control.far_end``, with its refusals."""

    def __init__(self, q: Float64[np.ndarray, " 7"]) -> None:
        self._controller = JointTrajectoryController(q)

    def reset(self, q: Float64[np.ndarray, " 7"]) -> None:
        """Drop the trajectory; the desired state is rest at ``q`` [rad]."""
        self._controller.reset(q)

    def accept(self, trajectory: Trajectory, now_ns: int) -> None:
        """Follow ``trajectory``.

        Raises:
            TrajectoryError: the trajectory is malformed, or over already; the old one stays.
        """
        trajectory.check()
        times, positions, velocities = trajectory.times_ns, trajectory.positions, trajectory.velocities
        try:
            self._controller.take(trajectory.start_ns, times, positions, velocities, now_ns)
        except PastTrajectoryError as error:
            raise TrajectoryError(str(error)) from error

    def desired(self, now_ns: int) -> tuple[Float64[np.ndarray, " 7"], Float64[np.ndarray, " 7"]]:
        """Position [rad] and velocity [rad/s] at ``now_ns``."""
        return self._controller.at(now_ns)


class GripperController:
    """The Franka hand: a width is approached at the finger speed, never jumped to."""

    SPEED_M_S = 0.1  # of the width, as the robots' files have it; each finger moves at half of it

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
