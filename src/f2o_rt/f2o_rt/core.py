"""The receiver without socket and arm: datagrams in, a joint position each cycle out. Time comes from the caller."""

from __future__ import annotations

from collections import Counter

import numpy as np
from f2o_control.braking import JointState
from f2o_control.datagrams import Flag, Refusal, State, Target, robot_id
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription, Scale
from f2o_control.wire import DatagramError, unpack_target
from f2o_nodekit.stamps import NS_PER_S

from f2o_rt.clock import CycleClock, Offset
from f2o_rt.config import ReceiverConfig, receiver_limits
from f2o_rt.plan import Planner, expect

CYCLE_NS, CYCLE_S = 1_000_000, 1e-3
ALMOST_WHOLE = Scale(velocity=1.0, acceleration=0.98, jerk=0.95)  # what one step after missed cycles may take
SLACK = 1e-3  # of what is rounded on the way
TURN = 2 * np.pi  # rad; no joint gets there
WISH_NS = 200_000_000  # the bridge repeats a wish for a recovery, for one may be lost: it is tried once


class Receiver:
    """Follows one bridge, and brakes by itself when its targets stop.

    The first target must be at rest and near the arm, and so must the first after braking has come to its end:
    who lost the arm for that long has to begin again. A fault is left only when a person asks for it.

    Args:
        robot: the arm.
        config: the configuration.
        session: a number (1 to 65535) that differs from start to start, so that a restart is noticed.
        position: where the arm stands [rad].
    """

    def __init__(
        self, robot: RobotDescription, config: ReceiverConfig, session: int, position: Joints
    ) -> None:
        self._config, self._timing = config, config.timing
        self.robot, self.session = robot_id(robot.name, robot.joint_names), session
        self._limits = receiver_limits(robot, config.scale)
        self._whole = receiver_limits(robot, ALMOST_WHOLE)
        self._planner = Planner(self._limits)
        self._offset = Offset()
        self.peer = self.sequence = self.echo_ns = 0  # the bridge that is listened to, its newest target
        self._heard_ns = self._target_ns = -(10**18)  # when it was last heard, and its newest target
        self._wished_ns = -(10**18)  # when a recovery was last asked for
        self._new: Target | None = None  # waits for ``think``
        self._recent: tuple[JointState, int, int] | None = None  # the target followed: state, due, brake
        self.refused: Counter[Refusal] = Counter()
        self.last_refusal = Refusal.NONE
        self.state, self.fault = State.WAITING, ""
        self.gripper_width: float | None = None
        self.recovery_wanted = False
        self._again = False  # the last target needs a new plan
        self.reset(position)

    def reset(self, position: Joints) -> None:
        """A motion begins at ``position``; follow nobody until asked to again.

        Cycles that passed before it, in a fault or while it was left, were never counted: its clock is a new one.
        """
        self._clock = CycleClock(CYCLE_NS)
        self._last = JointState.at_rest(position)
        self._plan = self._planner.stop(self._last, 0)
        self._new = self._recent = None
        self.state, self.fault, self.recovery_wanted = State.WAITING, "", False

    def fail(self, fault: str) -> None:
        """The arm stopped by itself, or cannot be reached. Whoever asked for a recovery that fails asks again."""
        # Nothing is commanded from here on: the arm's own brake stops it.
        self._last = JointState.at_rest(self._last.position)
        self._new = self._recent = None
        self.state, self.fault, self.recovery_wanted = State.FAULT, fault, False

    def brake(self) -> None:
        """Come to rest as fast as the limits allow, and follow nobody."""
        if self._clock.ns is not None:
            self._plan = self._planner.stop(self._last, self._clock.ns)
        self._new = self._recent = None
        self.peer = 0

    def target_age_s(self, mono_ns: int) -> float:
        """Seconds since the newest target that counted came."""
        return (mono_ns - self._target_ns) / NS_PER_S

    @property
    def position(self) -> Joints:
        """The last output [rad]."""
        return self._last.position

    @property
    def at_rest(self) -> bool:
        """True when the last output did not move."""
        return not (self._last.velocity.any() or self._last.acceleration.any())

    def hear(self, data: bytes, mono_ns: int) -> Refusal:
        """Take a datagram that came at ``mono_ns``; why it did not count, or NONE."""
        refusal = self._hear(data, mono_ns)
        if refusal is not Refusal.NONE:
            self._refuse(refusal)
        return refusal

    def tick(self, mono_ns: int, missed: int, carried: JointState) -> Joints:
        """Where the arm shall be in this cycle [rad].

        ``missed`` cycles passed before it without a set-point; in them the arm went on by itself, to ``carried``.
        """
        before_ns = self._clock.ns
        now_ns = self._clock.step(mono_ns, missed)
        if self.state is State.FAULT:
            return self._last.position
        if missed and before_ns is not None and not self._goes_on(now_ns, carried):
            self._last = carried
            self._plan = self._planner.stop(carried, now_ns - CYCLE_NS)
            self._again = True
        self._last = self._plan.at(now_ns)
        if self.state is not State.WAITING and not self._again and self._plan.brakes(now_ns):
            self._brake(now_ns, mono_ns)
        return self._last.position

    def _goes_on(self, now_ns: int, carried: JointState) -> bool:
        """Does the plan still lead on from where the arm has got to by itself, as differences of set-points see it?"""
        ahead = [self._plan.at(now_ns + k * CYCLE_NS).position for k in range(3)]  # then it is the plan alone
        velocities = np.diff([carried.position, *ahead], axis=0) / CYCLE_S
        last_velocity = carried.velocity - carried.acceleration * CYCLE_S / 2
        accelerations = np.diff([last_velocity, *velocities], axis=0) / CYCLE_S
        jerks = np.diff([carried.acceleration, *accelerations], axis=0) / CYCLE_S
        return bool(
            (np.abs(accelerations) <= self._whole.acceleration).all()
            and (np.abs(jerks) <= self._whole.jerk).all()
        )

    def think(self) -> None:
        """Make a plan of the newest target, from the last output on: when this cycle's set-point is under way."""
        if self._clock.ns is not None:
            if self._again:
                self._replan(self._recent, self._clock.ns)
            if self._new is not None:
                self._adopt(self._new, self._clock.ns)
        self._new, self._again = None, False

    def _hear(self, data: bytes, mono_ns: int) -> Refusal:
        try:
            target = unpack_target(data)
        except DatagramError:
            return Refusal.DAMAGED
        if target.robot != self.robot:
            return Refusal.ROBOT
        if target.session != self.peer and not self._listen_to(target, mono_ns):
            return Refusal.SENDER
        self._heard_ns = mono_ns
        late_ns = self._offset.add(target.sent_ns, mono_ns)
        if Flag.RECOVER in target.flags and self.state is State.FAULT:
            if late_ns > self._timing.max_staleness_s * NS_PER_S:
                return Refusal.OLD  # a wish of long ago, read now that the arm answers again
            if mono_ns - self._wished_ns > WISH_NS:
                self._wished_ns, self.recovery_wanted = mono_ns, True
        if Flag.TARGET not in target.flags or self.state is State.FAULT:
            return Refusal.NONE
        return self._take(target, late_ns, mono_ns)

    def _listen_to(self, target: Target, mono_ns: int) -> bool:
        """May another bridge take over? Not while this one is heard, nor while the arm moves."""
        if not self.at_rest or mono_ns - self._heard_ns < self._timing.sender_timeout_s * NS_PER_S:
            return False
        self.peer, self.sequence, self.echo_ns = target.session, -1, -1
        self._offset, self._new, self._recent = Offset(), None, None
        if self.state is State.FOLLOWING:
            self.state = State.WAITING
        return True

    def _take(self, target: Target, late_ns: int, mono_ns: int) -> Refusal:
        """Keep a target, if it is one."""
        if target.peer != self.session:
            return Refusal.RESTARTED
        if target.sequence <= self.sequence or target.sent_ns <= self.echo_ns:
            return Refusal.ORDER
        if late_ns > self._timing.max_staleness_s * NS_PER_S:
            return Refusal.OLD
        if not self._possible(target.state):
            return Refusal.NUMBERS
        self.sequence, self.echo_ns, self._target_ns = target.sequence, target.sent_ns, mono_ns
        self._new = target
        return Refusal.NONE

    def _possible(self, state: JointState) -> bool:
        """Could the arm be in this state? NaN could not."""
        fast, strong = self._limits.velocity * (1 + SLACK), self._limits.acceleration * (1 + SLACK)
        shares = np.stack([np.abs(state.velocity) / fast, np.abs(state.acceleration) / strong])
        return bool((shares <= 1).all() and (np.abs(state.position) < TURN).all())

    def _adopt(self, target: Target, from_ns: int) -> None:
        """Follow the newest target, from where the last output was."""
        due_ns = target.sent_ns + self._offset.ns + round(target.lead_s * NS_PER_S)
        brake_ns = self._target_ns + round(
            (self._timing.target_period_s + self._timing.brake_after_s) * NS_PER_S
        )
        gap = np.abs(expect(target.state, (from_ns - due_ns) / NS_PER_S).position - self._last.position).max()
        moving = target.state.velocity.any() or target.state.acceleration.any()
        if self.state is State.WAITING and (moving or gap > self._config.max_start_error_rad):
            self._refuse(Refusal.START)
        elif gap > self._config.max_start_error_rad or not self._replan(
            (target.state, due_ns, brake_ns), from_ns
        ):
            self._refuse(Refusal.FAR)
        else:
            self.gripper_width = target.gripper_width
            self.state = State.FOLLOWING

    def _replan(self, wanted: tuple[JointState, int, int] | None, from_ns: int) -> bool:
        """A new plan from the last output to what is wanted; without one the old plan stands."""
        plan = self._planner.follow(self._last, from_ns, *wanted) if wanted else None
        if plan is not None:
            self._plan, self._recent = plan, wanted
        return plan is not None

    def _brake(self, now_ns: int, mono_ns: int) -> None:
        """Targets are missing: the plan brakes. After that, and long enough, what follows is a new beginning."""
        if self._plan.stop.duration == 0.0:
            return  # silence while at rest is nothing: a bridge that is disarmed says nothing
        self.state, self._recent = State.BRAKING, None
        if self._plan.rests(now_ns) and self.target_age_s(mono_ns) > self._timing.restart_after_s:
            self.state = State.WAITING

    def _refuse(self, refusal: Refusal) -> None:
        self.refused[refusal] += 1
        self.last_refusal = refusal
