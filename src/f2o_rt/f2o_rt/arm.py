"""The interface of an arm that is commanded at 1 kHz."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from f2o_control.braking import JointState
from f2o_control.limits import Joints

from f2o_rt.fci import CYCLE_S


@dataclass(frozen=True)
class Touch:
    """What an arm says of contacts and errors."""

    contact: tuple[str, ...] = ()  # joints and directions beyond the lower thresholds of the robot's file
    collision: tuple[str, ...] = ()  # beyond the upper ones: kept until the arm's recovery
    errors: tuple[str, ...] = ()  # that keep it from moving, by libfranka's names

    def __str__(self) -> str:
        """In words; empty where there is nothing to say."""
        said = {"contact": self.contact, "collision": self.collision, "errors": self.errors}
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in said.items() if names)


@dataclass(frozen=True)
class Cycle:
    """The state of an arm in one of its cycles."""

    mono_ns: int
    late_ns: int  # how late it began, where that is known
    missed: int  # cycles without a set-point since the last
    positions: Joints  # rad, measured
    velocities: Joints  # rad/s, measured
    gripper_width: float | None  # m, measured
    extrapolated: JointState  # the motion as the arm sees it: it extrapolates missing set-points
    touch: Touch = field(default_factory=Touch)
    lost: int = 0  # set-points that the arm did not take, as they came too late


@runtime_checkable
class Arm(Protocol):
    """An arm that takes a position every millisecond.

    Its methods raise ``ArmError`` when it has stopped by itself; then ``cycle`` goes on reporting its position, and
    ``command`` does nothing until ``recover``.
    """

    def open(self) -> Joints:
        """Connect; the first cycle begins a motion, at the position that is returned [rad]."""
        ...

    def cycle(self) -> Cycle:
        """Wait for the next cycle."""
        ...

    def command(self, positions: Joints) -> None:
        """Send the set-point of this cycle [rad]."""
        ...

    def grip(self, width: float) -> None:
        """Send the gripper's goal [m]; returns at once."""
        ...

    def recover(self) -> Joints:
        """Leave the fault; the next cycle begins a motion, at the position that is returned [rad]."""
        ...

    def close(self) -> None:
        """End the motion at rest."""
        ...


def from_differences(position: Joints, velocity: Joints, acceleration: Joints) -> JointState:
    """The state at the end of a cycle, given ``velocity`` as the mean of that cycle (a difference of positions)."""
    return JointState(position, velocity + acceleration * (CYCLE_S / 2), acceleration)
