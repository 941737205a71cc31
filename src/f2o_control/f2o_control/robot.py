"""The description of a robot, one YAML file per robot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT, load_config, rules
from f2o_nodekit.fields import Names, NotNegative, Positive, Share, must
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_control.errors import UnknownProfileError
from f2o_control.limits import Joints, Limits, VelocityCurve, gain_for_braking, velocity_for_stop

CYCLE_S = 1e-3  # of the arm's own control loop
VELOCITY_EPS = 1e-3  # rad/s, libfranka's kLimitEps


@dataclass(frozen=True, config=STRICT)
class Scale:
    """The share of the arm's own limits that commands may use."""

    velocity: Share
    acceleration: Share
    jerk: Share


@dataclass(frozen=True, config=STRICT)
class CurveDescription:
    """The constants of a position-dependent velocity bound, one number a joint; see limits.VelocityCurve."""

    lower: tuple[float, ...]  # rad
    upper: tuple[float, ...]  # rad
    gain: tuple[float, ...]  # rad/s2
    offset: tuple[float, ...]  # rad/s


@dataclass(frozen=True, config=STRICT)
class Workspace:
    """Where tool and links may be, in the arm's base frame [m]."""

    lower: tuple[float, float, float]  # of the tool centre point
    upper: tuple[float, float, float]
    table: float  # height of the plane that no link from the elbow on goes below
    clearance: NotNegative  # kept between links, and between links and that plane

    @rules
    def _box(self) -> Iterator[str]:
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            yield f"lower: expected each below its upper, got {list(self.lower)} and {list(self.upper)}"


@dataclass(frozen=True, config=STRICT)
class Gripper:
    """Stroke of the gripper [m]."""

    min_width: NotNegative
    max_width: float

    @rules
    def _stroke(self) -> Iterator[str]:
        if not self.min_width < self.max_width:
            yield f"min_width: expected less than max_width ({self.max_width:g}), got {self.min_width:g}"


@dataclass(frozen=True, config=STRICT)
class RobotDescription:
    """One arm as its YAML file (config/robot_<name>.yaml) describes it; angles in rad, one number a joint."""

    name: str
    joint_names: Names
    finger_joint_names: Names  # on the gripper's topic; their positions add up to its width
    position_min: tuple[float, ...]
    position_max: tuple[float, ...]
    position_margin: NotNegative  # rad, kept free at both ends
    velocity: tuple[Positive, ...]
    acceleration: tuple[Positive, ...]
    jerk: tuple[Positive, ...]
    lost_packets: Annotated[int, Field(ge=0)]
    """Cycles of full acceleration that are kept free below every velocity limit."""
    max_stop_s: Positive  # s, the longest stop
    profiles: Annotated[dict[str, Scale], must(bool, "at least one profile")]
    max_lead: Positive
    workspace: Workspace
    gripper: Gripper
    home: tuple[float, ...]
    velocity_curve: CurveDescription | None = None

    @rules
    def _lengths_then_limits(self) -> Iterator[str]:
        count, wrong = len(self.joint_names), False
        for key, value in self._per_joint().items():
            if len(value) != count:
                wrong = True
                yield f"{key}: expected {count} numbers (one for each of joint_names), got {len(value)}"
        if not wrong:
            yield from self._check_limits()

    def _per_joint(self) -> dict[str, tuple[float, ...]]:
        keys = ("position_min", "position_max", "velocity", "acceleration", "jerk", "home")
        curve = vars(self.velocity_curve) if self.velocity_curve else {}
        return {key: getattr(self, key) for key in keys} | {
            f"velocity_curve.{key}": value for key, value in curve.items()
        }

    def _check_limits(self) -> Iterator[str]:
        for name in self.profiles:
            if (self.limits(name).velocity <= 0).any():
                yield f"max_stop_s: expected more than {self.max_stop_s:g}, too short for profile {name}"
        lower, upper = self._window()
        if (lower >= upper).any():
            yield "position_min: expected less than position_max by more than twice the margin"
        elif ((lower > self.home) | (upper < self.home)).any():
            yield "home: expected a posture inside the position limits and their margin"

    def _window(self) -> tuple[Joints, Joints]:
        return (
            np.array(self.position_min) + self.position_margin,
            np.array(self.position_max) - self.position_margin,
        )

    def limits(self, profile: str = "normal") -> Limits:
        """The limits of a profile, margins taken off.

        Raises:
            UnknownProfileError: the file has none of that name.
        """
        if profile not in self.profiles:
            raise UnknownProfileError(
                f"profile: expected {' or '.join(sorted(self.profiles))} (robot_{self.name}.yaml), got {profile!r}"
            )
        scale, (lower, upper) = self.profiles[profile], self._window()
        acceleration = np.array(self.acceleration) * scale.acceleration
        jerk = np.array(self.jerk) * scale.jerk
        velocity = (np.array(self.velocity) - self._tolerance()) * scale.velocity
        return Limits(
            lower=lower,
            upper=upper,
            velocity=velocity_for_stop(velocity, acceleration, jerk, self.max_stop_s),
            acceleration=acceleration,
            jerk=jerk,
            max_lead=self.max_lead,
            curve=self._curve(scale.velocity, acceleration),
        )

    def _tolerance(self) -> Joints:
        """What libfranka keeps free below a velocity limit, so that lost packets do not break it [rad/s]."""
        return VELOCITY_EPS + self.lost_packets * CYCLE_S * np.array(self.acceleration)

    def _curve(self, scale: float, acceleration: Joints) -> VelocityCurve | None:
        if (given := self.velocity_curve) is None:
            return None
        return VelocityCurve(
            lower=np.array(given.lower),
            upper=np.array(given.upper),
            gain=gain_for_braking(np.array(given.gain), acceleration, scale),
            offset=np.array(given.offset) + self._tolerance(),
            scale=scale,
        )


def load_robot(path: str | Path) -> RobotDescription:
    """Read a robot file.

    Raises:
        ConfigError: the file is wrong; the text names every wrong key.
    """
    return load_config(RobotDescription, path)


__all__ = ["Joints", "Limits", "RobotDescription", "Scale", "Workspace", "load_robot"]
