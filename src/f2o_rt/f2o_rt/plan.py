"""Plans of the receiver: the motion of every joint until it rests.

A plan has three parts: a quintic from the output where the last plan was left to the target's state; that state
extrapolated, while the next target may still come; and the closed-form stop. The whole plan is checked before it is
followed, so the current plan always ends at rest inside the limits; it is followed to its end where no other is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from f2o_control.braking import JointState, StopPlan, plan_stop
from f2o_control.limits import Joints, Limits
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

LENGTHS_S = (
    np.array([4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]) / 1e3
)  # of a quintic, tried in this order
ACCELERATED_S = 0.03  # a target is extrapolated at its acceleration for so long, then at its velocity
SAMPLES = 33  # at which a part is checked
MARGIN = 0.99  # covers what a quintic exceeds its samples by
SOFT_STOPS = ((0.25, 0.06), (0.15, 0.03))
"""Duration of a stop and of ending its initial acceleration [s], tried before the fastest stop: the softer a stop, the
less a short loss of targets costs."""
STOP_WITHIN_S = 0.35
STOP_SHARE = 0.97  # of acceleration and jerk, so that a quintic can begin during a stop
ROUNDING = 1e-6  # rad and rad/s

_S = np.linspace(0.0, 1.0, SAMPLES)[:, None]
_ORDERS = [_S ** np.arange(6)]  # powers of s at the samples, and their derivatives
for _ in range(3):
    _ORDERS.append(np.arange(6) * np.hstack([np.zeros((SAMPLES, 1)), _ORDERS[-1][:, :-1]]))
_POWERS = np.concatenate(_ORDERS)


def extrapolate(state: JointState, time_s: float) -> JointState:
    """``state`` after ``time_s`` of constant acceleration, as the arm extrapolates a lost packet."""
    q, v, a = state.position, state.velocity, state.acceleration
    return JointState(q + time_s * (v + a * time_s / 2), v + a * time_s, a)


def extrapolate_target(state: JointState, time_s: float) -> JointState:
    """``state`` ``time_s`` after its due time: at its acceleration for ``ACCELERATED_S``, then at its velocity."""
    if time_s <= ACCELERATED_S:
        return extrapolate(state, time_s)
    late = extrapolate(state, ACCELERATED_S)
    return extrapolate(
        JointState(late.position, late.velocity, np.zeros_like(late.velocity)), time_s - ACCELERATED_S
    )


@dataclass(frozen=True)
class Quintic:
    """The polynomial of fifth order from one state to another in ``length_s``; its coefficients in s = t / length."""

    length_s: float
    coefficients: Float64[np.ndarray, "6 joints"]
    end: JointState

    @staticmethod
    def between(start: JointState, end: JointState, length_s: float) -> Quintic:
        """Position, velocity and acceleration agree at both ends."""
        h = length_s
        v0, a0 = start.velocity * h, start.acceleration * h * h / 2
        dq = end.position - start.position - v0 - a0
        dv, da = end.velocity * h - v0 - 2 * a0, end.acceleration * h * h - 2 * a0
        cubic, quartic, fifth = 10 * dq - 4 * dv + da / 2, -15 * dq + 7 * dv - da, 6 * dq - 3 * dv + da / 2
        return Quintic(h, np.stack([start.position, v0, a0, cubic, quartic, fifth]), end)

    def at(self, time_s: float) -> JointState:
        """The state ``time_s`` after the start; 0 to ``length_s``."""
        s, h = time_s / self.length_s, self.length_s
        c0, c1, c2, c3, c4, c5 = self.coefficients
        position = c0 + s * (c1 + s * (c2 + s * (c3 + s * (c4 + s * c5))))
        velocity = (c1 + s * (2 * c2 + s * (3 * c3 + s * (4 * c4 + s * 5 * c5)))) / h
        return JointState(position, velocity, (2 * c2 + s * (6 * c3 + s * (12 * c4 + s * 20 * c5))) / (h * h))

    def legal(self, limits: Limits, lower: Joints, upper: Joints) -> bool:
        """Whether position, velocity, acceleration and jerk keep the limits at every sample; NaN does not."""
        h = self.length_s
        q, v, a, j = (_POWERS @ self.coefficients).reshape(4, SAMPLES, -1)
        return bool(
            (np.abs(j) <= MARGIN * h**3 * limits.jerk).all()
            and (np.abs(a) <= MARGIN * h**2 * limits.acceleration).all()
            and within_velocity(q, v / h, limits)
            and (q >= lower).all()
            and (q <= upper).all()
        )


def within_velocity(position: np.ndarray, velocity: np.ndarray, limits: Limits) -> bool:
    """Whether the velocities are allowed at these positions; shapes (..., joints)."""
    down, up = limits.fastest(position)
    return bool((velocity <= up + ROUNDING).all() and (velocity >= -down - ROUNDING).all())


@dataclass(frozen=True)
class Plan:
    """The quintic, the target extrapolated until ``brake_s``, the stop; times from the start."""

    start_ns: int  # monotonic clock
    quintic: Quintic
    brake_s: float
    stop: StopPlan  # begins at brake_s

    def at(self, mono_ns: int) -> JointState:
        """The state at ``mono_ns``; at rest from the end of the stop on."""
        time_s = (mono_ns - self.start_ns) / NS_PER_S
        if time_s >= self.brake_s:
            return self.stop.at(time_s - self.brake_s)
        if time_s >= self.quintic.length_s:
            return extrapolate(self.quintic.end, time_s - self.quintic.length_s)
        return self.quintic.at(max(time_s, 0.0))

    def brakes(self, mono_ns: int) -> bool:
        """Whether the stop has begun."""
        return mono_ns - self.start_ns >= self.brake_s * NS_PER_S

    def rests(self, mono_ns: int) -> bool:
        """Whether the motion is over."""
        return mono_ns - self.start_ns >= (self.brake_s + self.stop.duration) * NS_PER_S


class Planner:
    """Makes plans within ``limits``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def stop(self, state: JointState, start_ns: int) -> Plan:
        """The fastest stop from ``state``, whether or not ``state`` is inside the limits."""
        return Plan(start_ns, Quintic.between(state, state, 1.0), 0.0, self._hard(state))

    def follow(
        self, state: JointState, start_ns: int, target: JointState, due_ns: int, brake_ns: int
    ) -> Plan | None:
        """The plan from ``state`` at ``start_ns`` to ``target`` at ``due_ns``, braking by ``brake_ns``; or None."""
        limits = self._limits
        lower, upper = np.minimum(limits.lower, state.position), np.maximum(limits.upper, state.position)
        due_s, brake_s = (due_ns - start_ns) / NS_PER_S, max((brake_ns - start_ns) / NS_PER_S, 1e-3)
        first = max(due_s, LENGTHS_S[0])
        for length_s in (first, *(longer for longer in LENGTHS_S if longer > first)):
            quintic = Quintic.between(state, extrapolate_target(target, length_s - due_s), float(length_s))
            if quintic.legal(limits, lower, upper) and (
                plan := self._stoppable(quintic, start_ns, brake_s, lower, upper)
            ):
                return plan
        return None

    def _stoppable(
        self, quintic: Quintic, start_ns: int, brake_s: float, lower: Joints, upper: Joints
    ) -> Plan | None:
        """Append a stop: late and soft if there is room, else late and hard, else early and hard."""
        state = (
            quintic.at(brake_s)
            if brake_s < quintic.length_s
            else extrapolate(quintic.end, brake_s - quintic.length_s)
        )
        for softness in (*SOFT_STOPS, None):
            stop = self._soft(state, *softness) if softness else self._hard(state)
            if self._legal_stop(stop, lower, upper):
                return Plan(start_ns, quintic, brake_s, stop)
        if quintic.length_s < brake_s and self._legal_stop(stop := self._hard(quintic.end), lower, upper):
            return Plan(start_ns, quintic, quintic.length_s, stop)
        return None

    def _hard(self, state: JointState) -> StopPlan:
        """The fastest stop."""
        return plan_stop(state, STOP_SHARE * self._limits.acceleration, STOP_SHARE * self._limits.jerk)

    def _soft(self, state: JointState, stop_s: float, onset_s: float) -> StopPlan:
        """A stop that takes about ``stop_s`` from any speed, and ``onset_s`` to end the acceleration."""
        acceleration, hardest = STOP_SHARE * self._limits.acceleration, STOP_SHARE * self._limits.jerk
        jerk = np.maximum(4 * np.abs(state.velocity) / stop_s**2, np.abs(state.acceleration) / onset_s)
        return plan_stop(state, acceleration, np.clip(jerk, 1e-3 * hardest, hardest))

    def _legal_stop(self, stop: StopPlan, lower: Joints, upper: Joints) -> bool:
        """Whether a stop keeps ``STOP_WITHIN_S``, the position range and the velocity limits."""
        limits, start, duration = self._limits, stop.start, stop.duration
        if duration > STOP_WITHIN_S or (np.abs(start.acceleration) > limits.acceleration).any():
            return False
        coasting = start.velocity + start.acceleration * np.abs(start.acceleration) / (2 * stop.jerk)
        fastest = np.maximum(np.abs(start.velocity), np.abs(coasting))
        low, high = start.position - fastest * duration, start.position + fastest * duration
        if (low >= lower).all() and (high <= upper).all() and (fastest <= self._slowest(low, high)).all():
            return True
        position, velocity = stop.sample(_S[:, 0] * duration)
        inside = (position >= lower).all() and (position <= upper).all()
        return bool(inside) and within_velocity(position, velocity, limits)

    def _slowest(self, low: Joints, high: Joints) -> Joints:
        """The lowest velocity limit between two positions, in either direction [rad/s]."""
        if self._limits.curve is None:
            return self._limits.velocity
        return np.minimum(self._limits.fastest(low)[0], self._limits.fastest(high)[1])
