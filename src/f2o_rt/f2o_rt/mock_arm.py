"""A simulated arm behind the interface of the real one: ``arm: mock``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from f2o_control.braking import JointState
from f2o_control.robot import Joints, RobotDescription
from f2o_nodekit.pace import Pace, Tick

from f2o_rt.arm import Cycle, from_differences
from f2o_rt.errors import ArmError
from f2o_rt.fci import CYCLE_S, FciRules

LAG_S = 0.015  # of the simulated arm behind its set-point


class MockArm:
    """A simulated arm that enforces the rules of the real interface and lags ``LAG_S`` behind its set-points.

    Args:
        robot: the arm.
        wait: waits for the next cycle.
    """

    def __init__(self, robot: RobotDescription, wait: Callable[[], Tick] | None = None) -> None:
        self._robot, self._wait = robot, wait or Pace(CYCLE_S).wait
        self._measured, self._velocity = np.array(robot.home), np.zeros(len(robot.home))
        self._width, self._goal = robot.gripper.max_width, robot.gripper.max_width
        self._rules: FciRules | None = None

    def open(self) -> Joints:
        """Begin a motion at the arm's position."""
        self._rules = FciRules(self._robot, self._measured)
        return self._measured.copy()

    def cycle(self) -> Cycle:
        """Wait for the next cycle and extrapolate over missing set-points.

        Raises:
            ArmError: more than ``fci.MAX_LOST`` in a row are missing.
        """
        tick = self._wait()
        mono_ns = tick.ideal_mono_ns + tick.late_ns
        try:
            if self._rules is not None:
                for _ in range(tick.skipped):
                    self._rules.miss()
        except ArmError:
            self._rules = None
            raise
        self._move()
        measured = (self._measured.copy(), self._velocity.copy(), self._width)
        return Cycle(mono_ns, tick.late_ns, tick.skipped, *measured, self._extrapolated())

    def command(self, positions: Joints) -> None:
        """Check the set-point; one that breaks a rule ends the motion.

        Raises:
            ArmError: the rule that it breaks.
        """
        if self._rules is None:
            return
        try:
            self._rules.accept(positions)
        except ArmError:
            self._rules = None
            raise

    def grip(self, width: float) -> None:
        """Set the gripper's goal [m]; the fingers move at the speed of the robot's file."""
        self._goal = width

    def recover(self) -> Joints:
        """Begin a new motion at the arm's position."""
        return self.open()

    def close(self) -> None:
        """End the motion."""
        self._rules = None

    def _extrapolated(self) -> JointState:
        if self._rules is None:
            return JointState.at_rest(self._measured)
        return from_differences(self._rules.position, self._rules.velocity, self._rules.acceleration)

    def _move(self) -> None:
        goal = self._measured if self._rules is None else self._rules.position
        step = (goal - self._measured) * (CYCLE_S / LAG_S)
        self._measured, self._velocity = self._measured + step, step / CYCLE_S
        reach = self._robot.gripper.speed * CYCLE_S
        self._width += float(np.clip(self._goal - self._width, -reach, reach))
