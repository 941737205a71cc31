"""From targets that come when they come to where the joints should be at one instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from f2o_control.robot import Joints
from f2o_control.target import Target

NS_PER_S = 1e9
MIN_GAP_S, MAX_GAP_S = 1e-3, 0.1  # between two targets whose difference is taken for a velocity


@dataclass(frozen=True)
class Reference:
    """Where the joints should be [rad] and how fast they should move [rad/s] at the end of a tick."""

    position: Joints
    velocity: Joints


class ReferenceTrack:
    """Carries the newest target along its velocity to the instant that is asked for.

    Targets and ticks are not in step: without this, a target would be up to a tick old and the arm behind by as much.
    Where the sender gives no velocities, the difference of the last two targets is used. Beyond ``reach_s`` from its
    due time a target moves no further.
    """

    def __init__(self, reach_s: float) -> None:
        self._reach_s = reach_s
        self._target: Target | None = None
        self._velocity = np.zeros(0)

    def restart(self) -> None:
        """Forget every target."""
        self._target = None

    def update(self, target: Target) -> None:
        """Take a newer target."""
        self._velocity = self._velocity_of(target)
        self._target = target

    def at(self, ros_ns: int) -> Reference | None:
        """The reference at ROS time ``ros_ns``; None before the first target."""
        if self._target is None:
            return None
        ahead_s = (ros_ns - self._target.due_ros_ns) / NS_PER_S
        moved_s = min(max(ahead_s, -self._reach_s), self._reach_s)
        velocity = self._velocity if moved_s == ahead_s else np.zeros_like(self._velocity)
        return Reference(self._target.positions + self._velocity * moved_s, velocity)

    def _velocity_of(self, target: Target) -> Joints:
        if target.velocities is not None:
            return target.velocities
        if self._target is not None:
            gap_s = (target.due_ros_ns - self._target.due_ros_ns) / NS_PER_S
            if MIN_GAP_S <= gap_s <= MAX_GAP_S:
                return (target.positions - self._target.positions) / gap_s
        return np.zeros_like(target.positions)
