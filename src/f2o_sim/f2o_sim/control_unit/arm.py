"""The arm behind the control unit: follows set-points, and is measured. Here one that follows them exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from f2o_control.limits import Joints
from jaxtyping import Float64


@dataclass(frozen=True)
class Measured:
    """What the sensors of an arm say."""

    position: Joints  # rad
    velocity: Joints  # rad/s
    torque: Joints  # N m, of the joints, without what carries the arm's own weight
    external: Joints
    """N m, with which the arm presses on what it touches or carries: libfranka's sign of tau_ext_hat_filtered."""


@runtime_checkable
class SimulatedArm(Protocol):
    """An arm that takes a set-point a millisecond."""

    def follow(self, position: Joints, velocity: Joints) -> None:
        """Pass a millisecond on the way to a set-point [rad, rad/s]."""
        ...

    def measure(self) -> Measured:
        """What the sensors say now."""
        ...

    def placed(self) -> Joints | None:
        """Where somebody has put the arm since the last call [rad]; None: nobody has."""
        ...

    def carry(self, mass: float, center: Float64[np.ndarray, " 3"]) -> None:
        """Hold up a load of ``mass`` [kg] at ``center`` in the flange's frame [m], beside the arm's own weight."""
        ...


@dataclass
class ExactArm:
    """An arm without mass: it is where it is sent, and touches what a test says."""

    position: Joints
    velocity: Joints = field(default_factory=lambda: np.zeros(7))
    external: Joints = field(default_factory=lambda: np.zeros(7))  # N m

    def follow(self, position: Joints, velocity: Joints) -> None:
        """Be there."""
        self.position, self.velocity = position, velocity

    def measure(self) -> Measured:
        """Its set-point, and ``external``."""
        return Measured(self.position, self.velocity, self.external, self.external)

    def placed(self) -> Joints | None:
        """Nobody puts it anywhere."""
        return None

    def carry(self, mass: float, center: Float64[np.ndarray, " 3"]) -> None:
        """Without mass there is nothing to hold up."""
