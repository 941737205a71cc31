"""Limits of position, velocity, acceleration and jerk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Joints = Float64[np.ndarray, "joints"]
FAR = 1e3  # rad, clips the distance to a position limit
BRAKING_SHARE = 0.9  # of the acceleration limit, for braking along a velocity curve; the rest covers the jerk


@dataclass(frozen=True)
class VelocityCurve:
    """A velocity bound that falls towards the ends of a joint: scale * (sqrt(gain * room) - offset - tolerance).

    Franka Research 3 enforces it (frankarobotics docs, "Limits for Franka Research 3"; libfranka rate_limiting.h).
    ``room`` is the distance to the end the joint moves towards. Arrays of shape (joints,).
    """

    lower: Joints  # rad, where the curve for moving down is 0
    upper: Joints  # rad, where the curve for moving up is 0
    gain: Joints  # rad/s2
    offset: Joints  # rad/s, tolerance included
    scale: float

    def at(self, room: np.ndarray) -> np.ndarray:
        """The bound [rad/s], 0 or more, with ``room`` [rad] left; shape (..., joints)."""
        bound = np.sqrt(self.gain * np.clip(room, 0.0, FAR)) - self.offset
        return self.scale * np.maximum(bound, 0.0)


@dataclass(frozen=True)
class Limits:
    """The limits of the commands; arrays of shape (joints,), in rad and seconds."""

    lower: Joints  # rad, margin included
    upper: Joints  # rad, margin included
    velocity: Joints  # rad/s, anywhere
    acceleration: Joints  # rad/s2
    jerk: Joints  # rad/s3
    max_lead: float  # rad, the farthest that a command may be from the measured position
    curve: VelocityCurve | None = None  # what bounds the velocity besides, near the ends

    def fastest(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The largest speeds down and up at ``position`` [rad], both >= 0 [rad/s]; shapes (..., joints)."""
        if self.curve is None:
            return self.velocity, self.velocity
        curve = self.curve
        return (
            np.minimum(self.velocity, curve.at(position - curve.lower)),
            np.minimum(self.velocity, curve.at(curve.upper - position)),
        )


def velocity_for_stop(velocity: Joints, acceleration: Joints, jerk: Joints, max_stop_s: float) -> Joints:
    """``velocity`` lowered so that the arm can always stop within ``max_stop_s``.

    The longest stop begins at full acceleration: acceleration / jerk to end that, and a stop with two ramps after it.
    """
    return np.minimum(velocity, acceleration * (max_stop_s - 2 * acceleration / jerk))


def gain_for_braking(gain: Joints, acceleration: Joints, scale: float) -> Joints:
    """``gain`` lowered so that a joint can brake along the curve: that takes scale**2 * gain / 2 at most."""
    return np.minimum(gain, 2 * BRAKING_SHARE * acceleration / scale**2)
