"""The description of a robot, one YAML file per robot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT, Place, build_config, rules
from f2o_nodekit.fields import NotNegative, Positive, Share, must
from f2o_nodekit.robot import Robot, robot_keys
from jaxtyping import Float64
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
class Profile(Scale):
    """What the bridge's commands may use of the arm: shares of its limits, and a speed of the whole tool."""

    tcp_speed_m_s: Positive
    """Of the fastest point of the tool, the hand, the flange and the arm from the elbow on; see ``ToolSpeed``."""
    collision: Share = 1.0
    """Of the thresholds of contact, ``RobotDescription.collision``."""


@dataclass(frozen=True, config=STRICT)
class CurveDescription:
    """The constants of a position-dependent velocity bound, one number a joint; see limits.VelocityCurve."""

    lower: tuple[float, ...]  # rad
    upper: tuple[float, ...]  # rad
    gain: tuple[float, ...]  # rad/s2
    offset: tuple[float, ...]  # rad/s


@dataclass(frozen=True, config=STRICT)
class Shape:
    """A body of known size: part of the tool, or a thing in the cell."""

    name: str
    box: tuple[Positive, Positive, Positive] | None = None  # m, whole lengths along x, y, z
    cylinder: tuple[Positive, Positive] | None = None  # m, radius and whole length along z
    at: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m, its centre
    rpy: tuple[float, float, float] = (0.0, 0.0, 0.0)  # rad, about fixed x, y, z

    @rules
    def _one(self) -> Iterator[str]:
        if (self.box is None) == (self.cylinder is None):
            yield f"{self.name}: expected a box or a cylinder"


@dataclass(frozen=True, config=STRICT)
class Workspace:
    """Where tool and links may be, in the arm's base frame [m]."""

    lower: tuple[float, float, float]  # of the tool centre point
    upper: tuple[float, float, float]
    table: float  # height of the plane that neither the tool nor a link from the elbow on goes below
    clearance: NotNegative  # kept between links, and from links and tool to the table and the scene
    tool: tuple[Shape, ...] = ()  # in the frame of the hand, beside the hand itself
    scene: tuple[Shape, ...] = ()  # what stands around the arm
    arm_lower: tuple[float, float, float] | None = None  # of elbow, forearm and wrist; None: anywhere
    arm_upper: tuple[float, float, float] | None = None

    @rules
    def _box(self) -> Iterator[str]:
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            yield f"lower: expected each below its upper, got {list(self.lower)} and {list(self.upper)}"
        if (self.arm_lower is None) != (self.arm_upper is None):
            yield "arm_lower: expected with arm_upper, or neither"
        ends = zip(self.arm_lower or (), self.arm_upper or (), strict=False)
        if not all(low < high for low, high in ends):
            yield "arm_lower: expected each below its arm_upper"


@dataclass(frozen=True, config=STRICT)
class Gripper:
    """Stroke of the gripper [m], and its speed."""

    min_width: NotNegative
    max_width: float
    speed: Positive = 0.1  # m/s of the width, at which f2o_rt moves it

    @rules
    def _stroke(self) -> Iterator[str]:
        if not self.min_width < self.max_width:
            yield f"min_width: expected less than max_width ({self.max_width:g}), got {self.min_width:g}"


Wrench = tuple[Positive, Positive, Positive, Positive, Positive, Positive]  # N along x y z, N m about them


@dataclass(frozen=True, config=STRICT)
class Collision:
    """From which external torques and forces on the arm reports a contact (lower) and stops by itself (upper).

    As libfranka's setCollisionBehavior has them: torques a joint [N m], forces in the stiffness frame [N, N m].
    """

    lower_torque: tuple[Positive, ...]
    upper_torque: tuple[Positive, ...]
    lower_force: Wrench
    upper_force: Wrench

    def scaled(self, share: float) -> Collision:
        """All of them times ``share``."""
        return Collision(
            **{key: tuple(share * value for value in values) for key, values in vars(self).items()}
        )

    @rules
    def _order(self) -> Iterator[str]:
        pairs = {
            "torque": (self.lower_torque, self.upper_torque),
            "force": (self.lower_force, self.upper_force),
        }
        for what, (lower, upper) in pairs.items():
            if any(low > high for low, high in zip(lower, upper, strict=False)):
                yield f"lower_{what}: expected none above its upper_{what}, got {list(lower)} and {list(upper)}"


@dataclass(frozen=True, config=STRICT)
class Load:
    """What the arm carries beyond the end effector that its control unit knows of, as libfranka's setLoad has it."""

    mass: NotNegative  # kg
    com: tuple[float, float, float]  # m, centre of mass in the flange's frame
    inertia: tuple[float, float, float, float, float, float]
    """ixx, ixy, ixz, iyy, iyz, izz about the centre of mass [kg m2], as in a URDF."""

    @property
    def inertia_matrix(self) -> Float64[np.ndarray, "3 3"]:
        """The inertia about the centre of mass [kg m2]."""
        xx, xy, xz, yy, yz, zz = self.inertia
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])

    @rules
    def _possible(self) -> Iterator[str]:
        x, y, z = np.linalg.eigvalsh(self.inertia_matrix)  # ascending
        if x < 0 or z > (x + y) * (1 + 1e-9):
            yield f"inertia: expected that of a body (ixx, ixy, ixz, iyy, iyz, izz), got {list(self.inertia)}"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RobotDescription(Robot):
    """One arm as its file (config/robots/<robot>.yaml) describes it; angles in rad, one number a joint."""

    position_margin: NotNegative  # rad, kept free at both ends
    velocity: tuple[Positive, ...]
    acceleration: tuple[Positive, ...]
    jerk: tuple[Positive, ...]
    lost_packets: Annotated[int, Field(ge=0)]
    """Cycles of full acceleration that are kept free below every velocity limit."""
    max_stop_s: Positive  # s, the longest stop
    profiles: Annotated[dict[str, Profile], must(bool, "at least one profile")]
    max_lead: Positive
    workspace: Workspace
    gripper: Gripper
    velocity_curve: CurveDescription | None = None
    collision: Collision | None = None  # as the control unit has it where the file does not say
    load: Load | None = None

    def _per_joint(self) -> dict[str, tuple[float, ...]]:
        keys = {key: getattr(self, key) for key in ("velocity", "acceleration", "jerk")}
        curve = vars(self.velocity_curve) if self.velocity_curve else {}
        torques = vars(self.collision) if self.collision else {}
        return (
            super()._per_joint()
            | keys
            | {f"velocity_curve.{key}": value for key, value in curve.items()}
            | {f"collision.{key}": value for key, value in torques.items() if key.endswith("torque")}
        )

    @rules
    def _limits_fit(self) -> Iterator[str]:
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

    def profile(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            UnknownProfileError: the file has none of that name.
        """
        if name not in self.profiles:
            raise UnknownProfileError(
                f"profile: expected {' or '.join(sorted(self.profiles))} (robot {self.name}), got {name!r}"
            )
        return self.profiles[name]

    def thresholds(self, profile: str) -> Collision | None:
        """The thresholds of contact of a profile; None: as the control unit has them.

        Raises:
            UnknownProfileError: the file has none of that name.
        """
        share = self.profile(profile).collision
        return None if self.collision is None else self.collision.scaled(share)

    def limits(self, profile: str = "normal") -> Limits:
        """The limits of a profile, margins taken off.

        Raises:
            UnknownProfileError: the file has none of that name.
        """
        return self.scaled(self.profile(profile))

    def scaled(self, scale: Scale) -> Limits:
        """The arm's limits times ``scale``, margins taken off."""
        lower, upper = self._window()
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
    return build_config(
        RobotDescription, robot_keys(Path(path)), str(path), place=Place(Path(path).absolute().parent)
    )


__all__ = ["Joints", "Limits", "Profile", "RobotDescription", "Scale", "Workspace", "load_robot"]
