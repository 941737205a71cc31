"""What a task is: objects on the table, a random placement of them, and a judge of what the robot did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class OscillatingBelt:
    """A belt that moves an object back and forth along y until it is lifted."""

    amplitude: float  # [m]
    rate: float  # [rad/s]
    phase: float  # [rad]

    def offset(self, elapsed_s: float) -> float:
        """Of the object from the middle [m]."""
        return self.amplitude * float(np.sin(self.rate * elapsed_s + self.phase))

    def velocity(self, elapsed_s: float) -> float:
        """Of the belt [m/s]."""
        return self.amplitude * self.rate * float(np.cos(self.rate * elapsed_s + self.phase))


@dataclass(frozen=True)
class Placement:
    """The start of an episode."""

    arm: Float64[np.ndarray, " 7"]  # [rad]
    gripper_width: float  # [m]
    objects: Mapping[str, Float64[np.ndarray, " 7"]]  # body name -> x y z [m] and quaternion wxyz, base frame
    belts: Mapping[str, OscillatingBelt] = field(default_factory=dict)  # body name -> what carries it


@dataclass(frozen=True)
class Snapshot:
    """Ground truth at one instant, for judges and experts."""

    elapsed_s: float
    tcp: Float64[np.ndarray, " 3"]  # [m], base frame
    objects: Mapping[str, Float64[np.ndarray, " 7"]]
    held: frozenset[str]  # bodies that both fingers touch
    collision: bool  # the robot or something that moves has touched an obstacle


@dataclass(frozen=True)
class Verdict:
    """The judgement so far; final once ``over``."""

    success: bool = False
    collision: bool = False
    side: str = ""  # "left", "right" (seen from the base, looking ahead) or "" while undecided
    over: bool = False
    elapsed_s: float = 0.0


@runtime_checkable
class Judge(Protocol):
    """Watches one episode."""

    def update(self, now: Snapshot) -> Verdict:
        """Judge the next instant; once ``over``, the verdict does not change."""


@runtime_checkable
class Task(Protocol):
    """One task: stateless, so that one instance serves any number of episodes."""

    name: str
    object_names: tuple[str, ...]  # bodies whose pose is published
    obstacle_names: tuple[str, ...]  # bodies that nothing may touch

    def objects_mjcf(self) -> str:
        """MJCF of the objects: movable ones have a freejoint, fixed ones are mocap bodies."""

    def place(self, seed: int) -> Placement:
        """The random start that belongs to ``seed``."""

    def judge(self, placement: Placement) -> Judge:
        """A judge for the episode that starts at ``placement``."""


def final(verdict: Verdict, success: bool = False, collision: bool = False) -> Verdict:
    """``verdict``, over."""
    return replace(verdict, over=True, success=success, collision=collision)
