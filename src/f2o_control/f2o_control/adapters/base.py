"""What an adapter is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from f2o_control.limiter import Command


@dataclass(frozen=True)
class TrajectoryPlan:
    """A trajectory_msgs/JointTrajectory to be started on reception."""

    joint_names: tuple[str, ...]
    times_s: Float64[np.ndarray, " points"]  # from the start, rising
    positions: Float64[np.ndarray, "points joints"]  # rad
    velocities: Float64[np.ndarray, "points joints"]  # rad/s; the last row is 0


@runtime_checkable
class Adapter(Protocol):
    """One way from a command to an arm."""

    def send(self, command: Command) -> TrajectoryPlan | None:
        """Send ``command``. What has to go out through ROS is returned for the node to publish, else None."""
        ...

    def close(self) -> None:
        """Free sockets and the like."""
        ...
