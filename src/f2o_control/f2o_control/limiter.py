"""Joint targets in, commands that the arm can follow out.

Ruckig (time-optimal, jerk-limited) proposes each step; a guard that shares nothing with it decides. The guard's
invariant: from every command the closed-form stop of ``braking`` stays inside the position window. A step that would
break it is replaced, joint by joint, by one tick of that stop, which by the invariant of the tick before is legal.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from ruckig import InputParameter, Ruckig, RuckigError, Synchronization, Trajectory

from f2o_control.braking import JointState, StopPlan, plan_stop
from f2o_control.reference import Reference
from f2o_control.robot import Joints, Limits

ROUNDING = 1e-9  # slack in comparisons of numbers that are equal but for rounding
FOLLOWED = 1e-3  # rad: closer to the reference than this, the reference was followed
MOVING_FRAME_SHARE = 0.98  # of the velocity limit; Ruckig needs some velocity left over in the target's frame
APPROACH_SHARE = 0.9  # of the speed from which a joint can still stop before the end of its window


class Verdict(enum.Flag):
    """What became of a reference; NONE means it was followed as it is."""

    NONE = 0
    POSITION = enum.auto()  # it lay outside the position limits
    LEAD = enum.auto()  # it lay too far from the measured position
    VELOCITY = enum.auto()  # it moved faster than allowed there
    LAGGING = enum.auto()  # the command is not there yet
    GUARDED = enum.auto()  # the guard replaced the step of some joint by braking
    BRAKING = enum.auto()  # there was no reference
    NOT_FINITE = enum.auto()  # it was not a number
    NO_PLAN = enum.auto()  # Ruckig found no trajectory


@dataclass(frozen=True)
class Command:
    """What to send: a state to be in after ``duration_s``, and how to come to rest if nothing follows."""

    state: JointState
    stop: StopPlan
    duration_s: float


class TargetLimiter:
    """Bounds position, velocity, acceleration and jerk of a stream of joint commands, one a period.

    ``step`` never raises and always starts from its own last output. Planning is done in the frame that moves with the
    reference: there a legal moving target is at rest and is met exactly, whereas planning to a state that
    will have moved on (the usual way to stream into Ruckig) oscillates by tens of milliradians.
    Joints are limited each for itself.
    """

    def __init__(self, limits: Limits, period_s: float) -> None:
        self._limits = limits
        self._period_s = period_s
        joints = len(limits.lower)
        self._ruckig = Ruckig(joints)
        self._trajectory = Trajectory(joints)
        self._input = InputParameter(joints)
        self._input.synchronization = Synchronization.No
        self._input.max_acceleration = limits.acceleration.tolist()
        self._input.max_jerk = limits.jerk.tolist()
        self._input.target_position = [0.0] * joints
        self.reset((limits.lower + limits.upper) / 2)

    def reset(self, position: Joints) -> None:
        """Start again, at rest at ``position``."""
        self._adopt(JointState.at_rest(position))

    @property
    def state(self) -> JointState:
        """The last output."""
        return self._stop.start

    @property
    def at_rest(self) -> bool:
        """True when the last output does not move."""
        return self._stop.duration == 0.0

    def command(self, duration_s: float | None = None) -> Command:
        """The last output as a command, to be reached within ``duration_s`` (default: one period)."""
        return Command(self.state, self._stop, self._period_s if duration_s is None else duration_s)

    def step(self, reference: Reference | None, measured: Joints) -> tuple[Command, Verdict]:
        """The next command towards ``reference`` (None: brake); ``measured`` [rad] bounds how far it may lead."""
        brake = self._stop.at(self._period_s)
        if reference is None:
            self._adopt(brake)
            return self.command(), Verdict.BRAKING
        if not (np.isfinite(reference.position).all() and np.isfinite(reference.velocity).all()):
            self._adopt(brake)
            return self.command(), Verdict.BRAKING | Verdict.NOT_FINITE
        lower, upper = self._window(measured)
        goal, verdict = self._legal(reference, lower, upper)
        proposal = self._propose(goal)
        if proposal is None:
            proposal, verdict = brake, verdict | Verdict.NO_PLAN
        stop = plan_stop(proposal, self._limits.acceleration, self._limits.jerk)
        unsafe = self._unsafe(stop, lower, upper)
        if unsafe.any():
            verdict |= Verdict.GUARDED
            self._adopt(_choose(unsafe, brake, proposal))
        else:
            self._stop = stop
        if np.abs(self.state.position - reference.position).max() > FOLLOWED:
            verdict |= Verdict.LAGGING
        return self.command(), verdict

    def _adopt(self, state: JointState) -> None:
        self._stop = plan_stop(state, self._limits.acceleration, self._limits.jerk)

    def _window(self, measured: Joints) -> tuple[Joints, Joints]:
        """The position limits, narrowed to what lies near the measured position."""
        lower, upper, lead = self._limits.lower, self._limits.upper, self._limits.max_lead
        measured = np.where(np.isfinite(measured), measured, self.state.position)
        near = np.clip(measured, lower, upper)
        return np.maximum(lower, near - lead), np.minimum(upper, near + lead)

    def _legal(self, reference: Reference, lower: Joints, upper: Joints) -> tuple[Reference, Verdict]:
        """The reference moved into the window, at a speed from which it can stop before the window's end."""
        position = np.clip(reference.position, lower, upper)
        outside = position != reference.position
        up, down = (
            APPROACH_SHARE * np.sqrt(2 * self._limits.acceleration * room)
            for room in (upper - position, position - lower)
        )
        fastest = MOVING_FRAME_SHARE * self._limits.velocity
        wished = np.where(outside, 0.0, reference.velocity)
        velocity = np.clip(wished, -np.minimum(fastest, down), np.minimum(fastest, up))
        beyond = (reference.position < self._limits.lower) | (reference.position > self._limits.upper)
        verdict = Verdict.POSITION if beyond.any() else Verdict.NONE
        verdict |= Verdict.LEAD if (outside & ~beyond).any() else Verdict.NONE
        verdict |= Verdict.VELOCITY if (velocity != wished).any() else Verdict.NONE
        return Reference(position, velocity), verdict

    def _propose(self, goal: Reference) -> JointState | None:
        """One period along Ruckig's way to the goal, planned in the frame that moves with the goal."""
        now, dt, inp = self.state, self._period_s, self._input
        origin = goal.position - goal.velocity * dt  # where the moving frame is now
        inp.current_position = (now.position - origin).tolist()
        inp.current_velocity = (now.velocity - goal.velocity).tolist()
        inp.current_acceleration = now.acceleration.tolist()
        inp.max_velocity = (self._limits.velocity - goal.velocity).tolist()
        inp.min_velocity = (-self._limits.velocity - goal.velocity).tolist()
        try:
            if self._ruckig.calculate(inp, self._trajectory).value < 0:
                return None
        except RuckigError:
            return None
        q, v, a = (np.array(x) for x in self._trajectory.at_time(dt)[:3])
        return JointState(q + goal.position, v + goal.velocity, a)

    def _unsafe(self, stop: StopPlan, lower: Joints, upper: Joints) -> np.ndarray:
        """Which joints must not take the proposed step; ``stop`` is the stop from it."""
        now, dt, limits, proposal = self.state, self._period_s, self._limits, stop.start
        low, high = (
            self._stop.reach
        )  # where braking at once would get to: no step may go farther out than that
        lowest, highest = stop.reach
        leaves = (lowest < np.minimum(lower - ROUNDING, low)) | (highest > np.maximum(upper + ROUNDING, high))
        a1 = proposal.acceleration
        coasting = proposal.velocity + a1 * np.abs(a1) / (
            2 * limits.jerk
        )  # its speed once it stops accelerating
        shares = np.stack(  # of what is allowed; NaN is not at most 1
            [
                np.abs(proposal.velocity) / limits.velocity,
                np.abs(coasting) / limits.velocity,
                np.abs(a1) / limits.acceleration,
                np.abs(a1 - now.acceleration) / (limits.jerk * dt),
                np.abs(proposal.velocity - now.velocity) / (limits.acceleration * dt),
                np.abs(proposal.position - now.position - now.velocity * dt)
                / (limits.acceleration * dt**2 / 2),
            ]
        )
        return leaves | ~(shares <= 1 + ROUNDING).all(axis=0)


def _choose(which: np.ndarray, yes: JointState, no: JointState) -> JointState:
    return JointState(
        np.where(which, yes.position, no.position),
        np.where(which, yes.velocity, no.velocity),
        np.where(which, yes.acceleration, no.acceleration),
    )
