"""Limits a stream of references to commands that the arm can follow.

Ruckig (time-optimal, jerk-limited) proposes each step; ``guard``, which shares nothing with it, decides.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from ruckig import InputParameter, Ruckig, RuckigError, Synchronization, Trajectory

from f2o_control.braking import JointState, StopPlan
from f2o_control.collision import CollisionModel
from f2o_control.guard import Guard
from f2o_control.limits import Joints, Limits
from f2o_control.reference import Reference
from f2o_control.slowing import Slowing
from f2o_control.tool_speed import ToolSpeed

FOLLOWED = 1e-3  # rad, largest distance of a command that has reached its reference
MOVING_FRAME_SHARE = 0.98  # of the velocity limit; Ruckig needs some velocity left over in the target's frame
APPROACH_SHARE = 0.9  # of the speed from which a joint can still stop before the end of its window
AHEAD = 2  # periods that velocity bounds are evaluated ahead: with bounded jerk braking begins late
CRAWL = 0.02  # rad/s: Ruckig needs a velocity limit above 0 even where a joint may only move away


class Verdict(enum.Flag):
    """How a reference was limited; NONE: it was followed as it is."""

    NONE = 0
    POSITION = enum.auto()  # it lay outside the position limits
    LEAD = enum.auto()  # it lay too far from the measured position
    VELOCITY = enum.auto()  # it moved faster than allowed there
    LAGGING = enum.auto()  # the command is not there yet
    GUARDED = enum.auto()  # the guard replaced the step of some joint by braking
    BRAKING = enum.auto()  # there was no reference
    NOT_FINITE = enum.auto()  # it was NaN/Inf
    NO_PLAN = enum.auto()  # Ruckig found no trajectory
    WORKSPACE = enum.auto()  # it, or the way to it, lay outside the workspace or in a collision
    TOOL_SPEED = enum.auto()  # the guard braked because a point of tool or arm would have been too fast
    SLOWED = (
        enum.auto()
    )  # on the way to it, the tool's speed or a border ahead scaled the speed of all joints


@dataclass(frozen=True)
class Command:
    """A state to reach at ``due_mono_ns``, and the stop from there if no command follows.

    Attributes:
        start: the state ``duration_s`` before; on the stop of the command before, if that was not the state itself.
        ros_offset_ns: ROS time minus monotonic time.
    """

    state: JointState
    stop: StopPlan
    duration_s: float
    start: JointState
    due_mono_ns: int = 0
    ros_offset_ns: int = 0


@dataclass(frozen=True)
class Mark:
    """The stop from a command of a ``TargetLimiter``, and how deep it penetrates [m]."""

    stop: StopPlan
    depth: float


class TargetLimiter:
    """Bounds position, velocity, acceleration and jerk of a stream of joint commands, one per period.

    ``step`` never raises and always starts from its own last output. Planning is done in the frame that moves with the
    reference: there a legal moving target is at rest and is met exactly, whereas planning to a state that
    will have moved on (the usual way to stream into Ruckig) oscillates by tens of milliradians.
    A limit slows all joints together along the path: the speed of the reference is scaled as a whole, and joints that
    lag behind are synchronised. Only the guard limits each joint for itself.

    Args:
        limits: of every joint.
        period_s: between two steps.
        collisions: of the arm; None: not checked.
        tool: how fast it may be; None: not checked.
        slowing: what is ahead; None: not looked at, the guard stops what it must.
    """

    def __init__(
        self,
        limits: Limits,
        period_s: float,
        collisions: CollisionModel | None = None,
        tool: ToolSpeed | None = None,
        slowing: Slowing | None = None,
    ) -> None:
        self._limits, self._period_s, self._slowing = limits, period_s, slowing
        self._guard = Guard(limits, period_s, collisions, tool)
        joints = len(limits.lower)
        self._ruckig = Ruckig(joints)
        self._trajectory = Trajectory(joints)
        self._input = InputParameter(joints)
        self._input.synchronization = Synchronization.Phase
        self._input.max_acceleration = limits.acceleration.tolist()
        self._input.max_jerk = limits.jerk.tolist()
        self._input.target_position = [0.0] * joints
        self.reset((limits.lower + limits.upper) / 2)

    def reset(self, position: Joints) -> None:
        """Start again, at rest at ``position``."""
        self._stop = self._guard.stop(JointState.at_rest(position))
        self._guard.reset(position)

    @property
    def state(self) -> JointState:
        """The last output."""
        return self._stop.start

    @property
    def at_rest(self) -> bool:
        """Whether the last output does not move."""
        return self._stop.duration == 0.0

    def forbids(self, position: Joints) -> bool:
        """Whether the arm would be deeper in a collision or outside the workspace at ``position`` than it is."""
        return self._guard.forbids(position)

    def command(self, duration_s: float) -> Command:
        """The last output as a command, to be reached within ``duration_s``."""
        return Command(self.state, self._stop, duration_s, self.state)

    def mark(self) -> Mark:
        """Where it is now, for ``go_back``."""
        return Mark(self._stop, self._guard.depth)

    def go_back(self, mark: Mark) -> None:
        """Be again where it was at ``mark``: what it has put out since is not executed."""
        self._stop, self._guard.depth = mark.stop, mark.depth

    def rest(self) -> None:
        """Be at rest where the stop from the last output ends, as the arm is then."""
        self.reset(self._stop.end)

    def follow_stop(self, duration_s: float) -> None:
        """Go on for ``duration_s`` along the stop from the last output: what an arm does that hears nothing."""
        self._stop = self._guard.stop(self._stop.at(duration_s))

    def step(self, reference: Reference | None, measured: Joints) -> tuple[Command, Verdict]:
        """The next command towards ``reference`` (None: brake); ``measured`` [rad] bounds how far it may lead."""
        start = self.state
        verdict = self._step(reference, measured)
        return Command(self.state, self._stop, self._period_s, start), verdict

    def _step(self, reference: Reference | None, measured: Joints) -> Verdict:
        if reference is None:
            return self._brake(Verdict.BRAKING)
        if not (np.isfinite(reference.position).all() and np.isfinite(reference.velocity).all()):
            return self._brake(Verdict.BRAKING | Verdict.NOT_FINITE)
        lower, upper = self._window(measured)
        goal, verdict = self._legal(reference, lower, upper)
        if self._guard.forbids(goal.position):
            return self._brake(verdict | Verdict.BRAKING | Verdict.WORKSPACE)
        if (share := self._share_of_way(goal)) < 1:
            goal, verdict = Reference(goal.position, share * goal.velocity), verdict | Verdict.SLOWED
        proposal = self._propose(goal, share)
        if proposal is None:
            return self._brake(verdict | Verdict.BRAKING | Verdict.NO_PLAN)
        judgement = self._guard.judge(self._stop, proposal, lower, upper)
        self._stop = judgement.stop
        verdict |= Verdict.GUARDED if judgement.joints else Verdict.NONE
        verdict |= Verdict.WORKSPACE if judgement.workspace else Verdict.NONE
        verdict |= Verdict.TOOL_SPEED if judgement.tool_speed else Verdict.NONE
        if np.abs(self.state.position - reference.position).max() > FOLLOWED:
            verdict |= Verdict.LAGGING
        return verdict

    def _brake(self, verdict: Verdict) -> Verdict:
        self.follow_stop(self._period_s)
        return verdict

    def _window(self, measured: Joints) -> tuple[Joints, Joints]:
        """The position limits, narrowed to what lies near the measured position."""
        lower, upper, lead = self._limits.lower, self._limits.upper, self._limits.max_lead
        measured = np.where(np.isfinite(measured), measured, self.state.position)
        near = np.clip(measured, lower, upper)
        return np.maximum(lower, near - lead), np.minimum(upper, near + lead)

    def _legal(self, reference: Reference, lower: Joints, upper: Joints) -> tuple[Reference, Verdict]:
        """The reference moved into the window, at a speed from which every joint can stop before the window's end."""
        position = np.clip(reference.position, lower, upper)
        outside = position != reference.position
        wished = np.where(outside, 0.0, reference.velocity)
        share = self._share(position, wished, lower, upper)
        beyond = (reference.position < self._limits.lower) | (reference.position > self._limits.upper)
        verdict = Verdict.POSITION if beyond.any() else Verdict.NONE
        verdict |= Verdict.LEAD if (outside & ~beyond).any() else Verdict.NONE
        verdict |= Verdict.VELOCITY if share < 1 else Verdict.NONE
        return Reference(position, share * wished), verdict

    def _share(self, position: Joints, wished: Joints, lower: Joints, upper: Joints) -> float:
        """The share of the velocity ``wished`` that all joints may have at ``position``."""
        room = np.where(wished > 0, upper - position, position - lower)
        stoppable = APPROACH_SHARE * np.sqrt(2 * self._limits.acceleration * room)
        bounds = (*self._limits.fastest(position), *self._bounds())
        down, up = np.minimum(bounds[0], bounds[2]), np.minimum(bounds[1], bounds[3])
        fastest = np.minimum(MOVING_FRAME_SHARE * np.where(wished > 0, up, down), stoppable)
        speed = np.abs(wished)
        return float(np.divide(fastest, speed, out=np.ones_like(speed), where=speed > fastest).min())

    def _bounds(self) -> tuple[Joints, Joints]:
        """The velocity bounds, down and up, of where the arm will be in ``AHEAD`` periods."""
        return self._limits.fastest(self.state.position + AHEAD * self._period_s * self.state.velocity)

    def _share_of_way(self, goal: Reference) -> float:
        """The share of the velocity bounds that what is ahead leaves on the straight way to ``goal``."""
        if self._slowing is None:
            return 1.0
        way = goal.position - self.state.position
        down, up = self._bounds()
        # As fast as a joint may be, or can be until the middle of its way.
        fastest = np.minimum(np.where(way > 0, up, down), np.sqrt(self._limits.acceleration * np.abs(way)))
        shares = np.divide(fastest, np.abs(way), out=np.full_like(way, np.inf), where=way != 0)
        wished = goal.velocity + (way * shares.min() if np.isfinite(shares.min()) else 0.0)
        return self._slowing.share(self.state.position, wished)

    def _propose(self, goal: Reference, share: float = 1.0) -> JointState | None:
        """One period along Ruckig's way to the goal, planned in the frame that moves with the goal.

        Only ``share`` of the velocity bounds is used.
        """
        now, dt, inp = self.state, self._period_s, self._input
        origin = goal.position - goal.velocity * dt  # where the moving frame is now
        slack = (
            np.abs(goal.velocity) / MOVING_FRAME_SHARE
        )  # Ruckig's bounds must not exclude the goal's own velocity
        down, up = (np.maximum(share * bound, np.maximum(slack, CRAWL)) for bound in self._bounds())
        inp.current_position = (now.position - origin).tolist()
        inp.current_velocity = (now.velocity - goal.velocity).tolist()
        inp.current_acceleration = now.acceleration.tolist()
        inp.max_velocity = (up - goal.velocity).tolist()
        inp.min_velocity = (-down - goal.velocity).tolist()
        try:
            if self._ruckig.calculate(inp, self._trajectory).value < 0:
                return None
        except RuckigError:
            return None
        q, v, a = (np.array(x) for x in self._trajectory.at_time(dt)[:3])
        return JointState(q + goal.position, v + goal.velocity, a)
