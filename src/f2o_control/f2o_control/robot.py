"""What the arm can do: one YAML file a robot, read into one dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from f2o_nodekit.config import load_config

from f2o_control.errors import UnknownProfileError
from f2o_control.limits import Joints, Limits, VelocityCurve, brakable, restful

CYCLE_S = 1e-3  # of the arm's own control loop
VELOCITY_EPS = 1e-3  # rad/s, libfranka's kLimitEps


@dataclass(frozen=True)
class Scale:
    """The share of the arm's own limits that commands may use, each in (0, 1]."""

    velocity: float
    acceleration: float
    jerk: float

    def check(self) -> list[str]:
        """Messages about values out of range."""
        values = vars(self).items()
        return [f"{key}: expected more than 0 and at most 1, got {v}" for key, v in values if not 0 < v <= 1]


@dataclass(frozen=True)
class CurveDescription:
    """The constants of a position-dependent velocity bound, one number a joint; see limits.VelocityCurve."""

    lower: tuple[float, ...]  # rad
    upper: tuple[float, ...]  # rad
    gain: tuple[float, ...]  # rad/s2
    offset: tuple[float, ...]  # rad/s


@dataclass(frozen=True)
class Workspace:
    """Where tool and links may be, in the frame of the arm's base [m]."""

    lower: tuple[float, float, float]  # of the tool centre point
    upper: tuple[float, float, float]
    table: float  # height of the plane that no link from the elbow on goes below
    clearance: float  # kept between links, and between links and that plane

    def check(self) -> list[str]:
        """Messages about a box that is none."""
        if all(low < high for low, high in zip(self.lower, self.upper, strict=True)) and self.clearance >= 0:
            return []
        return ["lower, upper, clearance: expected each lower below its upper, and a clearance of at least 0"]


@dataclass(frozen=True)
class Gripper:
    """Stroke of the gripper [m]."""

    min_width: float
    max_width: float

    def check(self) -> list[str]:
        """Messages about a range that is none."""
        if 0 <= self.min_width < self.max_width:
            return []
        return [f"min_width: expected 0 <= min_width < max_width, got {self.min_width} and {self.max_width}"]


@dataclass(frozen=True)
class RobotDescription:
    """One arm as its YAML file (config/robot_<name>.yaml) describes it; angles in rad, one number a joint."""

    name: str
    joint_names: tuple[str, ...]
    position_min: tuple[float, ...]
    position_max: tuple[float, ...]
    position_margin: float  # rad, kept free at both ends
    velocity: tuple[float, ...]
    acceleration: tuple[float, ...]
    jerk: tuple[float, ...]
    lost_packets: int  # cycles of full acceleration that are kept free below every velocity limit
    max_stop_s: float  # s, the longest stop
    profiles: dict[str, Scale]
    max_lead: float
    workspace: Workspace
    gripper: Gripper
    home: tuple[float, ...]
    velocity_curve: CurveDescription | None = None

    def check(self) -> list[str]:
        """Messages about lengths, signs and a home outside the limits."""
        problems = [
            f"{key}: expected {len(self.joint_names)} numbers (one for each of joint_names), got {len(value)}"
            for key, value in self._per_joint().items()
            if len(value) != len(self.joint_names)
        ]
        if len(set(self.joint_names)) != len(self.joint_names) or not self.joint_names:
            problems.append("joint_names: expected different names, at least one")
        return problems or self._check_values()

    def _per_joint(self) -> dict[str, tuple[float, ...]]:
        keys = ("position_min", "position_max", "velocity", "acceleration", "jerk", "home")
        curve = vars(self.velocity_curve) if self.velocity_curve else {}
        return {key: getattr(self, key) for key in keys} | {
            f"velocity_curve.{key}": value for key, value in curve.items()
        }

    def _check_values(self) -> list[str]:
        problems = [
            f"{key}: expected numbers above 0, got {min(getattr(self, key))}"
            for key in ("velocity", "acceleration", "jerk")
            if min(getattr(self, key)) <= 0
        ]
        if self.position_margin < 0 or self.max_lead <= 0 or self.lost_packets < 0:
            problems.append(
                "position_margin, max_lead, lost_packets: expected at least 0, more than 0, at least 0"
            )
        if not self.profiles:
            problems.append("profiles: expected at least one")
        return problems or self._check_limits()

    def _check_limits(self) -> list[str]:
        problems = [
            f"max_stop_s: expected more than {self.max_stop_s:g}, too short for profile {name}"
            for name in self.profiles
            if (self.limits(name).velocity <= 0).any()
        ]
        lower, upper = self._window()
        if (lower >= upper).any():
            problems.append("position_min: expected less than position_max by more than twice the margin")
        elif ((lower > self.home) | (upper < self.home)).any():
            problems.append("home: expected a posture inside the position limits and their margin")
        return problems

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
            velocity=restful(velocity, acceleration, jerk, self.max_stop_s),
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
            gain=brakable(np.array(given.gain), acceleration, scale),
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
