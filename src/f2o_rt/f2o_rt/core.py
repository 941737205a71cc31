"""The receiver without socket and arm: datagrams in, a joint position each cycle out. Time comes from the caller."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from f2o_control.braking import JointState
from f2o_control.datagrams import UNPROVEN, Bond, Flag, Refusal, State, Target, new_session, robot_id
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription, Scale
from f2o_control.wire import DatagramError, unpack_target
from f2o_nodekit.stamps import NS_PER_S

from f2o_rt.clock import ClockOffset, CycleClock
from f2o_rt.config import ReceiverConfig, receiver_limits
from f2o_rt.plan import Planner, extrapolate_target

CYCLE_NS, CYCLE_S = 1_000_000, 1e-3
NEARLY_FULL = Scale(velocity=1.0, acceleration=0.98, jerk=0.95)  # limits of a step after missed cycles
ROUNDING = 1e-3  # relative, of the numbers in a datagram
FULL_TURN = 2 * np.pi  # rad, beyond the range of every joint
RECOVERY_REPEAT_NS = 200_000_000  # the bridge repeats its request, as one may be lost; it is carried out once


class Receiver:
    """Follows one bridge, and brakes by itself when its targets stop.

    The first target must be at rest and near the arm, and so must the first after a completed braking. A fault is left
    only at an operator's request.

    A bridge is followed from its first datagram on that names a session which this receiver has offered and nobody has
    used; so nothing that was recorded begins anything. While it is followed its address stays the same, and each of its
    datagrams must be newer than the one before. What has no session of this receiver's is a question; what is not under
    the key is counted and nothing else.

    Args:
        robot: the arm.
        config: the configuration.
        session: that is offered first; a random number (1 to 2^64 - 1) which differs between starts.
        position: of the arm [rad].
        key: of the datagrams; b"" for none.

    Attributes:
        session: of this end, as the followed bridge knows it; the first to be offered before there is one.
        offered: the session of the bridge that will be followed next.
        peer: session of the followed bridge; 0: none.
        address: where the followed bridge is.
        question: the newest one of a bridge that is not followed, with its address; whoever answers it takes it away.
    """

    def __init__(
        self,
        robot: RobotDescription,
        config: ReceiverConfig,
        session: int,
        position: Joints,
        key: bytes = b"",
    ) -> None:
        self._config, self._timing = config, config.timing
        self.key, self._closed = key, False
        self.robot = robot_id(robot.name, robot.joint_names)
        self.session = self.offered = session
        self._limits = receiver_limits(robot, config.scale)
        self._full = receiver_limits(robot, NEARLY_FULL)
        self._planner = Planner(self._limits)
        self._offset = ClockOffset()
        self.peer = self.sequence = self.echo_ns = 0  # session of the followed bridge, its newest target
        self._newest = 0  # of its datagrams
        self.address: Any = None
        self.question: tuple[Target, Any] | None = None
        self._received_ns = self._target_ns = -(10**18)  # of its last datagram and its newest target
        self._recovery_asked_ns = -(10**18)
        self._new: Target | None = None  # for ``update_plan``
        self._recent: tuple[JointState, int, int] | None = None  # the followed target: state, due, brake
        self.refused: Counter[Refusal] = Counter()
        self.last_refusal = Refusal.NONE
        self.state, self.fault = State.WAITING, ""
        self.gripper_width: float | None = None
        self.recovery_wanted = False
        self._again = False  # the followed target needs a new plan
        self.reset(position)

    def reset(self, position: Joints) -> None:
        """Begin a motion at ``position`` [rad], following no bridge yet, on a new clock."""
        self._clock = CycleClock(CYCLE_NS)
        self._last = JointState.at_rest(position)
        self._plan = self._planner.stop(self._last, 0)
        self._new = self._recent = None
        self.state, self.fault, self.recovery_wanted = State.WAITING, "", False

    def fail(self, fault: str) -> None:
        """Enter the state FAULT: the arm stopped by itself, or cannot be reached. Its own brake stops it."""
        self._last = JointState.at_rest(self._last.position)
        self._new = self._recent = None
        self.state, self.fault, self.recovery_wanted = State.FAULT, fault, False

    def brake(self) -> None:
        """Come to rest as fast as the limits allow, and follow no bridge any more."""
        if self._clock.ns is not None:
            self._plan = self._planner.stop(self._last, self._clock.ns)
        self._new = self._recent = None
        self._closed = True

    def target_age_s(self, mono_ns: int) -> float:
        """Seconds since the newest accepted target."""
        return (mono_ns - self._target_ns) / NS_PER_S

    @property
    def position(self) -> Joints:
        """The last output [rad]."""
        return self._last.position

    @property
    def at_rest(self) -> bool:
        """True when the last output did not move."""
        return not (self._last.velocity.any() or self._last.acceleration.any())

    @property
    def bond(self) -> Bond:
        """What this is to the bridge at ``address``."""
        return Bond.FREE if self._closed or not self.peer else Bond.YOURS

    def free(self, mono_ns: int) -> bool:
        """Whether another bridge may begin: the followed one is silent, and the arm rests."""
        silent = mono_ns - self._received_ns >= self._timing.sender_timeout_s * NS_PER_S
        return self.at_rest and silent and not self._closed

    def receive(self, data: bytes, sender: Any, mono_ns: int) -> Refusal:
        """Take a datagram of ``sender`` received at ``mono_ns``; returns why it was refused, or NONE."""
        refusal = self._judge(data, sender, mono_ns)
        if refusal is not Refusal.NONE:
            self._refuse(refusal)
        return refusal

    def tick(self, mono_ns: int, missed: int, extrapolated: JointState, lost: int = 0) -> Joints:
        """The set-point of this cycle [rad].

        Args:
            mono_ns: when the cycle began, monotonic clock.
            missed: cycles without a set-point before it.
            extrapolated: where the arm has moved by itself in those.
            lost: set-points in cycles before it that came too late for the arm, which has moved by itself, too.
        """
        before_ns = self._clock.ns
        now_ns = self._clock.step(mono_ns, missed)
        if self.state is State.FAULT:
            return self._last.position
        if (missed or lost) and before_ns is not None and not self._continues(now_ns, extrapolated):
            self._last = extrapolated
            self._plan = self._planner.stop(extrapolated, now_ns - CYCLE_NS)
            self._again = True
        self._last = self._plan.at(now_ns)
        if self.state is not State.WAITING and not self._again and self._plan.brakes(now_ns):
            self._brake(now_ns, mono_ns)
        return self._last.position

    def _continues(self, now_ns: int, extrapolated: JointState) -> bool:
        """Whether the plan continues from ``extrapolated`` within the limits, by differences of set-points."""
        ahead = [self._plan.at(now_ns + k * CYCLE_NS).position for k in range(3)]
        velocities = np.diff([extrapolated.position, *ahead], axis=0) / CYCLE_S
        last_velocity = extrapolated.velocity - extrapolated.acceleration * CYCLE_S / 2
        accelerations = np.diff([last_velocity, *velocities], axis=0) / CYCLE_S
        jerks = np.diff([extrapolated.acceleration, *accelerations], axis=0) / CYCLE_S
        return bool(
            (np.abs(accelerations) <= self._full.acceleration).all()
            and (np.abs(jerks) <= self._full.jerk).all()
        )

    def update_plan(self) -> None:
        """Plan from the last output to the newest target; called once this cycle's set-point is sent."""
        if self._clock.ns is not None:
            if self._again:
                self._replan(self._recent, self._clock.ns)
            if self._new is not None:
                self._adopt(self._new, self._clock.ns)
        self._new, self._again = None, False

    def _judge(self, data: bytes, sender: Any, mono_ns: int) -> Refusal:
        try:
            target = unpack_target(data, self.key)
        except DatagramError as error:
            return error.refusal
        if self._closed:
            return Refusal.SENDER
        if target.session != self.peer or sender != self.address:
            if not self._may_begin(target, mono_ns):
                return self._turn_away(target, sender, mono_ns)
            self._begin(target, sender)
        elif target.sequence <= self._newest:
            return Refusal.ORDER
        elif target.peer not in (0, self.session):
            return Refusal.RESTARTED
        return self._hear(target, mono_ns)

    def _may_begin(self, target: Target, mono_ns: int) -> bool:
        return target.robot == self.robot and target.peer == self.offered and self.free(mono_ns)

    def _turn_away(self, target: Target, sender: Any, mono_ns: int) -> Refusal:
        """Keep a question for its answer; why what is not one is refused."""
        if target.peer not in (0, self.offered):
            return Refusal.SENDER if target.session == self.peer else Refusal.RESTARTED
        self.question = (target, sender)
        if target.robot != self.robot:
            return Refusal.ROBOT
        return Refusal.NONE if self.free(mono_ns) else Refusal.SENDER

    def _begin(self, target: Target, sender: Any) -> None:
        """Follow the bridge of ``target`` from now on."""
        self.peer, self.address = target.session, sender
        self.session, self.offered = self.offered, new_session()
        self.sequence = self.echo_ns = self._newest = -1
        self._offset, self._new, self._recent = ClockOffset(), None, None
        if self.state is State.FOLLOWING:
            self.state = State.WAITING

    def _hear(self, target: Target, mono_ns: int) -> Refusal:
        """Take the newest datagram of the followed bridge; only such a one tells its clock."""
        self._newest, self._received_ns = target.sequence, mono_ns
        late_ns = self._offset.add(target.sent_ns, mono_ns)
        if not target.peer and target.flags:
            return Refusal.RESTARTED
        if Flag.RECOVER in target.flags and self.state is State.FAULT:
            if late_ns > self._timing.max_staleness_s * NS_PER_S:
                return Refusal.OLD  # a request from before the arm answered again
            if mono_ns - self._recovery_asked_ns > RECOVERY_REPEAT_NS:
                self._recovery_asked_ns, self.recovery_wanted = mono_ns, True
        if Flag.TARGET not in target.flags or self.state is State.FAULT:
            return Refusal.NONE
        return self._take(target, late_ns, mono_ns)

    def _take(self, target: Target, late_ns: int, mono_ns: int) -> Refusal:
        """Keep ``target`` for the next plan; returns why it was refused, or NONE."""
        if late_ns > self._timing.max_staleness_s * NS_PER_S:
            return Refusal.OLD
        if not self._possible(target.state):
            return Refusal.NUMBERS
        self.sequence, self.echo_ns, self._target_ns = target.sequence, target.sent_ns, mono_ns
        self._new = target
        return Refusal.NONE

    def _possible(self, state: JointState) -> bool:
        """Whether ``state`` is finite and inside the arm's velocity and acceleration."""
        fast, strong = self._limits.velocity * (1 + ROUNDING), self._limits.acceleration * (1 + ROUNDING)
        shares = np.stack([np.abs(state.velocity) / fast, np.abs(state.acceleration) / strong])
        return bool((shares <= 1).all() and (np.abs(state.position) < FULL_TURN).all())

    def _adopt(self, target: Target, from_ns: int) -> None:
        """Follow ``target`` from the last output on."""
        due_ns = target.sent_ns + self._offset.ns + round(target.lead_s * NS_PER_S)
        brake_ns = self._target_ns + round(
            (self._timing.target_period_s + self._timing.brake_after_s) * NS_PER_S
        )
        expected = extrapolate_target(target.state, (from_ns - due_ns) / NS_PER_S).position
        gap = np.abs(expected - self._last.position).max()
        moving = target.state.velocity.any() or target.state.acceleration.any()
        if self.state is State.WAITING and (moving or gap > self._config.max_start_error_rad):
            self._refuse(Refusal.START)
        elif gap > self._config.max_start_error_rad or not self._replan(
            (target.state, due_ns, brake_ns), from_ns
        ):
            self._refuse(Refusal.NO_PLAN)
        else:
            self.gripper_width = target.gripper_width
            self.state = State.FOLLOWING

    def _replan(self, wanted: tuple[JointState, int, int] | None, from_ns: int) -> bool:
        """Plan from the last output to ``wanted``; where that fails the old plan stands."""
        plan = self._planner.follow(self._last, from_ns, *wanted) if wanted else None
        if plan is not None:
            self._plan, self._recent = plan, wanted
        return plan is not None

    def _brake(self, now_ns: int, mono_ns: int) -> None:
        """Targets are missing and the plan brakes; back to WAITING once at rest for ``restart_after_s``."""
        if self._plan.stop.duration == 0.0:
            return  # at rest: a disarmed bridge sends no targets
        self.state, self._recent = State.BRAKING, None
        if self._plan.rests(now_ns) and self.target_age_s(mono_ns) > self._timing.restart_after_s:
            self.state = State.WAITING

    def _refuse(self, refusal: Refusal) -> None:
        self.refused[refusal] += 1
        if refusal not in UNPROVEN:
            self.last_refusal = refusal  # is told to the bridge
