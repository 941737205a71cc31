"""What the arm can do: one YAML file a robot, read into one dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from f2o_nodekit.config import load_config
from jaxtyping import Float64

Joints = Float64[np.ndarray, "joints"]


@dataclass(frozen=True)
class Limits:
    """The box that commands stay in; arrays of shape (joints,), in rad and seconds."""

    lower: Joints  # rad, margin included
    upper: Joints  # rad, margin included
    velocity: Joints  # rad/s
    acceleration: Joints  # rad/s2
    jerk: Joints  # rad/s3
    max_lead: float  # rad, the farthest that a command may be from the measured position


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
    scale: Scale
    max_lead: float
    gripper: Gripper
    home: tuple[float, ...]

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
        return {key: getattr(self, key) for key in keys}

    def _check_values(self) -> list[str]:
        problems = [
            f"{key}: expected numbers above 0, got {min(getattr(self, key))}"
            for key in ("velocity", "acceleration", "jerk")
            if min(getattr(self, key)) <= 0
        ]
        if self.position_margin < 0 or self.max_lead <= 0:
            problems.append("position_margin, max_lead: expected at least 0 and more than 0")
        limits = self.limits()
        if (limits.lower >= limits.upper).any():
            problems.append("position_min: expected less than position_max by more than twice the margin")
        elif ((limits.lower > self.home) | (limits.upper < self.home)).any():
            problems.append("home: expected a posture inside the position limits and their margin")
        return problems

    def limits(self) -> Limits:
        """The scaled limits, margin taken off."""
        return Limits(
            lower=np.array(self.position_min) + self.position_margin,
            upper=np.array(self.position_max) - self.position_margin,
            velocity=np.array(self.velocity) * self.scale.velocity,
            acceleration=np.array(self.acceleration) * self.scale.acceleration,
            jerk=np.array(self.jerk) * self.scale.jerk,
            max_lead=self.max_lead,
        )


def load_robot(path: str | Path) -> RobotDescription:
    """Read a robot file.

    Raises:
        ConfigError: the file is wrong; the text names every wrong key.
    """
    return load_config(RobotDescription, path)
