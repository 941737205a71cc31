"""From targets that come when they come to where the joints should be at one instant."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from f2o_control.robot import Joints
from f2o_control.target import Target

NS_PER_S = 1e9
MIN_GAP_S, MAX_GAP_S = 0.02, 0.1  # between two targets whose difference is taken for a velocity


@dataclass(frozen=True)
class Reference:
    """Where the joints should be [rad] and how fast they should move [rad/s] at the end of a tick."""

    position: Joints
    velocity: Joints


class ReferenceTrack:
    """Carries the newest target along its velocity to the instant that is asked for.

    Targets and ticks are not in step: without this, a target would be up to a tick old and the arm behind by as much.
    Where the sender gives no velocities, the newest target is compared with one that was due at least ``MIN_GAP_S``
    before it: two targets in a row would make a velocity mostly of the jitter of their stamps. Beyond ``reach_s`` from
    its due time a target moves no further.
    """

    def __init__(self, reach_s: float) -> None:
        self._reach_s = reach_s
        self._targets: deque[Target] = deque()  # those of the last MAX_GAP_S
        self._velocity = np.zeros(0)

    def restart(self) -> None:
        """Forget every target."""
        self._targets.clear()

    def update(self, target: Target) -> None:
        """Take a newer target."""
        while self._targets and not 0 < _seconds(self._targets[0], target) <= MAX_GAP_S:
            self._targets.popleft()
        self._velocity = self._velocity_of(target)
        self._targets.append(target)

    def at(self, ros_ns: int) -> Reference | None:
        """The reference at ROS time ``ros_ns``; None before the first target."""
        if not self._targets:
            return None
        target = self._targets[-1]
        ahead_s = (ros_ns - target.due_ros_ns) / NS_PER_S
        moved_s = min(max(ahead_s, -self._reach_s), self._reach_s)
        velocity = self._velocity if moved_s == ahead_s else np.zeros_like(self._velocity)
        return Reference(target.positions + self._velocity * moved_s, velocity)

    def _velocity_of(self, target: Target) -> Joints:
        if target.velocities is not None:
            return target.velocities
        before = next((t for t in reversed(self._targets) if _seconds(t, target) >= MIN_GAP_S), None)
        if before is None:
            return np.zeros_like(target.positions)
        return (target.positions - before.positions) / _seconds(before, target)


def _seconds(earlier: Target, later: Target) -> float:
    return (later.due_ros_ns - earlier.due_ros_ns) / NS_PER_S
