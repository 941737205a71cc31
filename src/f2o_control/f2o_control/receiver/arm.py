"""What moves: an arm by its 1 kHz interface, chosen by name; and the simulated one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from f2o_nodekit.pace import Pace, Tick

from f2o_control.braking import JointState
from f2o_control.limits import Joints
from f2o_control.receiver.config import ReceiverConfig
from f2o_control.receiver.fci import CYCLE_S, ArmError, FciRules
from f2o_control.robot import RobotDescription

LAG_S = 0.015  # of the simulated arm behind its set-point; ours
SPEED = 0.1  # m/s of the simulated gripper, franka_gripper's default


@dataclass(frozen=True)
class Cycle:
    """What an arm says in one of its cycles."""

    mono_ns: int
    late_ns: int  # how much later than its time it began, where that is known
    missed: int  # cycles without a set-point since the last
    positions: Joints  # rad, measured
    velocities: Joints  # rad/s, measured
    gripper_width: float | None  # m, measured
    carried: JointState  # where the arm takes the motion to be: after missing set-points it has carried it on


@runtime_checkable
class Arm(Protocol):
    """An arm that takes a position every millisecond.

    Its methods raise ``ArmError`` when it has stopped by itself; then ``cycle`` goes on saying where it is, and
    ``command`` does nothing until ``recover``.
    """

    def open(self) -> Joints:
        """Connect and begin a motion; where it begins [rad]."""
        ...

    def cycle(self) -> Cycle:
        """Wait for the next cycle."""
        ...

    def command(self, positions: Joints) -> None:
        """The set-point of this cycle [rad]."""
        ...

    def grip(self, width: float) -> None:
        """The gripper's goal [m]; returns at once."""
        ...

    def recover(self) -> Joints:
        """Leave the fault and begin a new motion; where it begins."""
        ...

    def close(self) -> None:
        """End the motion at rest."""
        ...


class MockArm:
    """A simulated arm that enforces the rules of the real one's interface, and lags a little behind its set-points.

    Args:
        robot: the arm.
        wait: paces the cycles; a test gives its own.
    """

    def __init__(self, robot: RobotDescription, wait: Callable[[], Tick] | None = None) -> None:
        self._robot, self._wait = robot, wait or Pace(CYCLE_S).wait
        self._measured, self._velocity = np.array(robot.home), np.zeros(len(robot.home))
        self._width, self._goal = robot.gripper.max_width, robot.gripper.max_width
        self._rules: FciRules | None = None

    def open(self) -> Joints:
        """Begin where the arm stands."""
        self._rules = FciRules(self._robot, self._measured)
        return self._measured.copy()

    def cycle(self) -> Cycle:
        """The next millisecond; a motion whose set-points are missing is carried on, and ended after twenty.

        Raises:
            ArmError: too many are missing.
        """
        tick = self._wait()
        mono_ns = tick.ideal_mono_ns + tick.late_ns
        try:
            for _ in range(tick.skipped if self._rules else 0):
                self._rules.lose()
        except ArmError:
            self._rules = None
            raise
        self._move()
        measured = (self._measured.copy(), self._velocity.copy(), self._width)
        return Cycle(mono_ns, tick.late_ns, tick.skipped, *measured, self._carried())

    def command(self, positions: Joints) -> None:
        """Judge the set-point; one that breaks a rule ends the motion.

        Raises:
            ArmError: it did.
        """
        if self._rules is None:
            return
        try:
            self._rules.take(positions)
        except ArmError:
            self._rules = None
            raise

    def grip(self, width: float) -> None:
        """Fingers move at franka_gripper's default speed."""
        self._goal = width

    def recover(self) -> Joints:
        """A new motion from where the arm stands."""
        return self.open()

    def close(self) -> None:
        """Nothing to free."""
        self._rules = None

    def _carried(self) -> JointState:
        if self._rules is None:
            return JointState.at_rest(self._measured)
        return instant(self._rules.position, self._rules.velocity, self._rules.acceleration)

    def _move(self) -> None:
        goal = self._measured if self._rules is None else self._rules.position
        step = (goal - self._measured) * (CYCLE_S / LAG_S)
        self._measured, self._velocity = self._measured + step, step / CYCLE_S
        self._width += float(np.clip(self._goal - self._width, -SPEED * CYCLE_S, SPEED * CYCLE_S))


def instant(position: Joints, velocity: Joints, acceleration: Joints) -> JointState:
    """A state at an instant from one whose velocity is the last cycle's mean, as differences of positions give it."""
    return JointState(position, velocity + acceleration * (CYCLE_S / 2), acceleration)


def make_arm(robot: RobotDescription, config: ReceiverConfig) -> Arm:
    """The arm that the configuration names.

    Raises:
        ArmError: pylibfranka is asked for and not installed, or cannot reach the arm.
    """
    if config.arm == "mock":
        return MockArm(robot)
    from f2o_control.receiver.franka import FrankaArm

    return FrankaArm(config.robot_ip)


__all__ = ["Arm", "ArmError", "Cycle", "MockArm", "make_arm"]
