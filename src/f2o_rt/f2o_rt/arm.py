"""An arm as its 1 kHz interface shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from f2o_control.braking import JointState
from f2o_control.limits import Joints

from f2o_rt.fci import CYCLE_S


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


def instant(position: Joints, velocity: Joints, acceleration: Joints) -> JointState:
    """A state at an instant from one whose velocity is the last cycle's mean, as differences of positions give it."""
    return JointState(position, velocity + acceleration * (CYCLE_S / 2), acceleration)
