"""The reference at one instant, made of targets that arrive at any time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.limits import Joints, Limits
from f2o_control.slowing import Slowing
from f2o_control.target import Target

MIN_GAP_S, MAX_GAP_S = 0.02, 0.1  # between two targets whose difference gives a velocity
KEEP_S = 0.5  # targets are kept so long: more than MAX_LAG_S
MAX_LAG_S = 0.3  # with a longer lag the arm leaves the path rather than come later still
CATCH_UP = 1.2  # largest scale of time, where limits allow it
CATCH_UP_S = 0.2  # time constant with which the lag shrinks: no jerk when it is gone
SPEED_SHARE = 0.97  # of the velocity bounds: a little is left to the limiter


@dataclass(frozen=True)
class Reference:
    """Position [rad] and velocity [rad/s] of the joints at the end of a tick, as asked for."""

    position: Joints
    velocity: Joints


class ReferenceTrack:
    """The path through the newest targets: interpolated between two, extrapolated along the last one's velocity.

    Targets and ticks are not synchronised: without this, the arm would lag by up to a tick. If the sender gives no
    velocities, the newest target is compared with one due at least ``MIN_GAP_S`` before it: the difference of two
    consecutive targets would be dominated by the jitter of their stamps. A target is extrapolated for
    ``max_extrapolation_s`` beyond its due time.
    """

    def __init__(self, max_extrapolation_s: float) -> None:
        self._max_extrapolation_s = max_extrapolation_s
        self._targets: deque[Target] = deque()  # those of the last KEEP_S
        self._velocity = np.zeros(0)

    def restart(self) -> None:
        """Forget every target."""
        self._targets.clear()

    def update(self, target: Target) -> None:
        """Take a newer target."""
        while self._targets and not 0 < _seconds(self._targets[0], target) <= KEEP_S:
            self._targets.popleft()
        self._velocity = self._velocity_of(target)
        self._targets.append(target)

    def at(self, ros_ns: int) -> Reference | None:
        """The reference at ROS time ``ros_ns``; None before the first target."""
        if not self._targets:
            return None
        target = self._targets[-1]
        if ros_ns < target.due_ros_ns and len(self._targets) > 1:
            return self._between(ros_ns)
        ahead_s = (ros_ns - target.due_ros_ns) / NS_PER_S
        moved_s = min(max(ahead_s, -self._max_extrapolation_s), self._max_extrapolation_s)
        velocity = self._velocity if moved_s == ahead_s else np.zeros_like(self._velocity)
        return Reference(target.positions + self._velocity * moved_s, velocity)

    def over(self, ros_ns: int) -> bool:
        """Whether ``ros_ns`` lies beyond the extrapolation of the newest target."""
        return (
            bool(self._targets)
            and ros_ns - self._targets[-1].due_ros_ns > self._max_extrapolation_s * NS_PER_S
        )

    def _between(self, ros_ns: int) -> Reference:
        """On the straight line between two neighbours; at rest before the oldest."""
        newest_first = reversed(self._targets)
        for after, before in pairwise(newest_first):
            if ros_ns >= before.due_ros_ns:
                velocity = (after.positions - before.positions) / _seconds(before, after)
                moved_s = (ros_ns - before.due_ros_ns) / NS_PER_S
                return Reference(before.positions + velocity * moved_s, velocity)
        oldest = self._targets[0].positions
        return Reference(oldest, np.zeros_like(oldest))

    def _velocity_of(self, target: Target) -> Joints:
        if target.velocities is not None:
            return target.velocities
        gaps = ((t, _seconds(t, target)) for t in reversed(self._targets))
        before, gap_s = next(((t, gap) for t, gap in gaps if gap >= MIN_GAP_S), (None, 0.0))
        if before is None or gap_s > MAX_GAP_S:
            return np.zeros_like(target.positions)
        return (target.positions - before.positions) / gap_s


class PathTimeScaling:
    """Path-preserving time scaling: how fast the arm moves along the path of the targets.

    Where the targets move faster than the velocity bounds allow, time is scaled down: all joints together stay on
    the path and lag in time (``lag_s``, at most ``MAX_LAG_S``) instead of each taking a way of its own. Time is scaled
    up again, to ``CATCH_UP`` at most, until no lag is left; while there is none, targets pass as they are.
    The same is done where the tool would be too fast, or a border is near (``slowing``; None: not looked at).
    Where the targets end it does not go on to what is left of the path: the arm brakes as soon as it does without lag.
    """

    def __init__(self, limits: Limits, period_s: float, slowing: Slowing | None = None) -> None:
        self._limits, self._period_s, self._slowing = limits, period_s, slowing
        self.lag_s = 0.0

    def restart(self) -> None:
        """Begin without a lag."""
        self.lag_s = 0.0

    def next(self, track: ReferenceTrack, ros_ns: int) -> Reference | None:
        """The reference for the tick that ends at ROS time ``ros_ns``; None: brake."""
        if self.lag_s > 0.0 and track.over(ros_ns):
            return None
        reference = track.at(ros_ns - round(self.lag_s * NS_PER_S))
        if reference is None:
            return None
        allowed = self._allowed(reference)
        if self.lag_s == 0.0 and allowed >= 1.0:
            return reference
        scale = min(allowed, CATCH_UP, 1.0 + self.lag_s / CATCH_UP_S)
        self.lag_s = min(max(self.lag_s + (1 - scale) * self._period_s, 0.0), MAX_LAG_S)
        if (reference := track.at(ros_ns - round(self.lag_s * NS_PER_S))) is None:
            return None
        return Reference(reference.position, reference.velocity * min(scale, self._allowed(reference)))

    def _allowed(self, reference: Reference) -> float:
        """The scale of time, at most ``CATCH_UP``, that the velocity bounds allow, and what is ahead."""
        speed = np.abs(reference.velocity)
        bounds = self._limits.fastest(reference.position)
        fastest = SPEED_SHARE * np.where(reference.velocity > 0, bounds[1], bounds[0])
        shares = np.divide(
            fastest, speed, out=np.full_like(speed, CATCH_UP), where=speed * CATCH_UP > fastest
        )
        share = float(shares.min())
        if self._slowing is None:
            return share
        return share * self._slowing.share(reference.position, share * reference.velocity)


def _seconds(earlier: Target, later: Target) -> float:
    return (later.due_ros_ns - earlier.due_ros_ns) / NS_PER_S
