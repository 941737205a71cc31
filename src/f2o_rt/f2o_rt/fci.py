"""What a Franka arm accepts from its 1 kHz interface, as a simulated arm enforces it.

Sources: frankarobotics docs, "Robot and interface specifications" and "Requirements": limits; a missing packet is
replaced by constant acceleration; more than 20 in a row end the motion; a motion begins at rest where the arm was last
sent. libfranka, rate_limiting.cpp: differences over 1 ms are what counts. The names are those of franka_msgs/Errors.
"""

from __future__ import annotations

import numpy as np
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription

from f2o_rt.errors import ArmError

CYCLE_S = 1e-3
MAX_LOST = 20  # packets in a row
START_RAD = 1e-4
ROUNDING = 1e-6  # share of a limit


class FciRules:
    """Checks the set-points of one motion, one per cycle.

    Args:
        robot: the arm; its own limits are enforced, without margin.
        start: where the motion begins [rad].
    """

    def __init__(self, robot: RobotDescription, start: Joints) -> None:
        self._lower, self._upper = np.array(robot.position_min), np.array(robot.position_max)
        if robot.velocity_curve is not None:  # then the file's positions are those of a smaller box
            self._lower, self._upper = (
                np.array(robot.velocity_curve.lower),
                np.array(robot.velocity_curve.upper),
            )
        self._velocity, self._jerk = np.array(robot.velocity), np.array(robot.jerk)
        self._acceleration = np.array(robot.acceleration)
        self._curve = robot.velocity_curve
        self.position, self.velocity, self.acceleration = (
            start.copy(),
            np.zeros(len(start)),
            np.zeros(len(start)),
        )
        self._lost, self._begun = 0, False

    def miss(self) -> None:
        """Extrapolate over a cycle without a set-point.

        Raises:
            ArmError: too many in a row, while the arm moves or not.
        """
        self._lost += 1
        if self._lost > MAX_LOST:
            raise ArmError("communication_constraints_violation", f"{self._lost} set-points missing in a row")
        self.velocity = self.velocity + CYCLE_S * self.acceleration
        self.position = self.position + CYCLE_S * self.velocity

    def accept(self, position: Joints) -> None:
        """Take the set-point of a cycle [rad].

        Raises:
            ArmError: it breaks a rule, whose name is the error's flag.
        """
        if not self._begun and np.abs(position - self.position).max() > START_RAD:
            raise ArmError(
                "joint_position_motion_generator_start_pose_invalid", "the motion begins elsewhere"
            )
        velocity = (position - self.position) / CYCLE_S
        acceleration = (velocity - self.velocity) / CYCLE_S
        jerk = (acceleration - self.acceleration) / CYCLE_S
        self._begun, self._lost = True, 0
        self._enforce("joint_motion_generator_position_limits_violation", self._beyond(position))
        self._enforce(
            "joint_motion_generator_velocity_limits_violation", np.abs(velocity) / self._fastest(position)
        )
        self._enforce(
            "joint_motion_generator_velocity_discontinuity", np.abs(acceleration) / self._acceleration
        )
        self._enforce("joint_motion_generator_acceleration_discontinuity", np.abs(jerk) / self._jerk)
        self.position, self.velocity, self.acceleration = position.copy(), velocity, acceleration

    def _beyond(self, position: Joints) -> np.ndarray:
        """Distance from the middle of the range, as a share of half of it: at most 1 inside."""
        middle, half = (self._upper + self._lower) / 2, (self._upper - self._lower) / 2
        return np.abs(position - middle) / half

    def _fastest(self, position: Joints) -> np.ndarray:
        """The largest allowed speed at ``position`` [rad/s], the lower of both directions."""
        if self._curve is None:
            return self._velocity
        room = np.minimum(position - self._lower, self._upper - position)
        curve = np.sqrt(np.maximum(np.array(self._curve.gain) * room, 0.0)) - np.array(self._curve.offset)
        return np.minimum(self._velocity, np.maximum(curve, 1e-3))

    def _enforce(self, flag: str, shares: np.ndarray) -> None:
        bad = ~(shares <= 1 + ROUNDING)  # NaN is not
        if bad.any():
            joint = int(bad.argmax())
            raise ArmError(flag, f"{flag}: joint {joint + 1} at {shares[joint]:.3f} of its limit")
