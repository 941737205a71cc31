"""What evaluation needs of a simulator; environments are found by entry point, never imported by name."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float64
from numpy import ndarray

from f2o_policy.errors import UnknownNameError

GROUP = "f2o.environments"


class StepLike(Protocol):
    """What the robot side knows after a tick; ``observation`` is the newest that arrived since the one before."""

    time_ns: int
    joints: Any  # .positions (7,) [rad]
    gripper_width: float  # [m]
    observation: Any | None
    done: bool


class OutcomeLike(Protocol):
    """The simulator's judgement of an episode."""

    seed: int
    success: bool
    collision: bool
    side: str
    duration_s: float


@runtime_checkable
class Environment(Protocol):
    """Closed-loop episodes, as fast as the processor allows."""

    def reset(self, seed: int) -> StepLike:
        """Start the episode of ``seed``."""

    def step(
        self, target: Float64[ndarray, " 8"] | None, rate: Float64[ndarray, " 8"] | None = None
    ) -> StepLike:
        """One control tick from ``target`` on: 7 joints [rad], gripper width [m], and their ``rate`` per second.

        Without a target the arm stands still.
        """

    def outcome(self) -> OutcomeLike:
        """The judgement so far."""

    def close(self) -> None:
        """Free what it holds."""


def open_environment(task: str, camera_hz: float = 30.0) -> Environment:
    """The environment registered for ``task``, with cameras at ``camera_hz``.

    Raises:
        UnknownNameError: none is; the text lists the tasks there are.
    """
    known = {point.name: point for point in entry_points(group=GROUP)}
    if task not in known:
        raise UnknownNameError("task", task, list(known))
    return known[task].load()(task=task, camera_hz=camera_hz)
