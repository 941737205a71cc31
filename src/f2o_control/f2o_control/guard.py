"""The final check of every step: legal, or replaced by braking. Shares nothing with what proposes the steps.

Its invariant: from every command the closed-form stop of ``braking`` stays inside the position window, below the
velocity bounds of every position on its way, below the largest speed of the tool, and out of what the
``CollisionModel`` forbids. A step that would break it is replaced by one tick of that stop, which by the invariant of
the tick before is legal: joint by joint, or for all joints where the arm as a whole would go where it must not, or
faster than it may.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from f2o_control.braking import JointState, StopPlan, plan_stop
from f2o_control.collision import CollisionModel
from f2o_control.limits import Joints, Limits
from f2o_control.tool_speed import ToolSpeed

ROUNDING = 1e-9  # slack in comparisons of numbers that are equal but for rounding


@dataclass(frozen=True)
class Judgement:
    """The stop that begins with the step to take, and what the guard replaced."""

    stop: StopPlan
    joints: bool  # some joints brake instead
    workspace: bool  # all joints brake instead
    tool_speed: bool = False  # likewise, because a point of the arm or the tool would be too fast


class Guard:
    """Checks steps against ``limits``, ``collisions`` and the ``tool``'s speed (None: not checked), one per period."""

    def __init__(
        self,
        limits: Limits,
        period_s: float,
        collisions: CollisionModel | None,
        tool: ToolSpeed | None = None,
    ) -> None:
        self._limits, self._period_s, self._collisions, self._tool = limits, period_s, collisions, tool
        self.depth = 0.0
        """Penetration of the last command [m]."""

    def reset(self, position: Joints) -> None:
        """Start at rest at ``position`` [rad], allowed or not."""
        self.depth = self._collisions.penetration(position) if self._collisions else 0.0

    def stop(self, state: JointState) -> StopPlan:
        """The stop from ``state``."""
        return plan_stop(state, self._limits.acceleration, self._limits.jerk)

    def forbids(self, position: Joints) -> bool:
        """Whether the arm would penetrate deeper at ``position`` than it does."""
        return self._collisions is not None and self._collisions.deepens(position, self.depth)

    def judge(self, last: StopPlan, proposal: JointState, lower: Joints, upper: Joints) -> Judgement:
        """Accept ``proposal`` as far as it is safe; ``last`` is the stop from the command before it."""
        proposed = self.stop(proposal)
        unsafe = self._unsafe(last, proposed, lower, upper)
        if braking := bool(unsafe.any()):
            proposed = self.stop(_choose(unsafe, last.at(self._period_s), proposal))
        if fast := self._tool is not None and self._tool.exceeded(proposed):
            proposed = self.stop(last.at(self._period_s))
        if self._collisions is None:
            return Judgement(proposed, braking, False, fast)
        if blocked := self._collisions.deepens_along(proposed, self.depth):
            proposed = self.stop(last.at(self._period_s))
        if self.depth > 0:  # begun inside: no deeper than it is by now
            self.depth = self._collisions.penetration(proposed.start.position)
        return Judgement(proposed, braking, blocked, fast)

    def _unsafe(self, last: StopPlan, proposed: StopPlan, lower: Joints, upper: Joints) -> np.ndarray:
        """Which joints must not take the first step of ``proposed``, shape (joints,)."""
        legal = self._inside(last, proposed, lower, upper) & self._slow(proposed)
        return ~(legal & self._smooth(last.start, proposed.start))

    def _inside(self, last: StopPlan, proposed: StopPlan, lower: Joints, upper: Joints) -> np.ndarray:
        """Which joints stop inside the window, or at least no farther out than braking at once would get them."""
        start, bound = proposed.start.position, proposed.bound
        if ((start - bound >= lower) & (start + bound <= upper)).all():
            return np.full(len(start), True)  # whatever it does on the way
        low, high = last.reach
        lowest, highest = proposed.reach
        return (lowest >= np.minimum(lower - ROUNDING, low)) & (highest <= np.maximum(upper + ROUNDING, high))

    def _slow(self, proposed: StopPlan) -> np.ndarray:
        """Which joints keep their velocity bound now, once they stop accelerating, and in every tick of the stop."""
        limits, state = self._limits, proposed.start
        v, a = state.velocity, state.acceleration
        coasting = v + a * np.abs(a) / (2 * limits.jerk)  # the speed once it stops accelerating
        legal = np.abs(np.stack([v, coasting])).max(axis=0) <= limits.velocity + ROUNDING  # NaN is not
        if limits.curve is None:
            return legal
        ticks = 1 + int(proposed.duration / self._period_s)
        positions, velocities = proposed.sample(self._period_s * np.arange(ticks))
        down, up = limits.fastest(positions)
        return legal & ((velocities <= up + ROUNDING) & (-velocities <= down + ROUNDING)).all(axis=0)

    def _smooth(self, now: JointState, then: JointState) -> np.ndarray:
        """Which joints keep acceleration and jerk between two commands, and move as their states say."""
        dt, limits = self._period_s, self._limits
        shares = np.stack(  # of what is allowed; NaN is not at most 1
            [
                np.abs(then.acceleration) / limits.acceleration,
                np.abs(then.acceleration - now.acceleration) / (limits.jerk * dt),
                np.abs(then.velocity - now.velocity) / (limits.acceleration * dt),
                np.abs(then.position - now.position - now.velocity * dt) / (limits.acceleration * dt**2 / 2),
            ]
        )
        return np.all(shares <= 1 + ROUNDING, axis=0)


def _choose(which: np.ndarray, yes: JointState, no: JointState) -> JointState:
    return JointState(
        np.where(which, yes.position, no.position),
        np.where(which, yes.velocity, no.velocity),
        np.where(which, yes.acceleration, no.acceleration),
    )
