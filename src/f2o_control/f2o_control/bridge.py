"""The bridge without ROS: checks, watchdogs, state machine and limiter put together.

Callbacks (``offer_*``, ``arm``, ``disarm``) and the loop (``tick``) may be different threads.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from f2o_nodekit.latest import Latest
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.config import BridgeConfig
from f2o_control.feed import feeds_of
from f2o_control.gripper import GripperGoal
from f2o_control.homing import WayHome
from f2o_control.limiter import Command, TargetLimiter, Verdict
from f2o_control.reference import PathClock, Reference, ReferenceTrack
from f2o_control.requests import SAME_PLACE, Answer, Requests
from f2o_control.robot import Joints, RobotDescription
from f2o_control.senses import Following, StampOrder
from f2o_control.space import Space
from f2o_control.state import FOLLOWING, MOVING, RESUME, Event, Machine, Mode
from f2o_control.target import RawTarget, Target
from f2o_control.watchdog import Watchdog


@dataclass(frozen=True)
class Sent:
    """What a tick sends."""

    command: Command
    due_ros_ns: int  # when the arm is to be there
    sequence: int  # counts what was sent
    gripper_width: float  # m, the goal that stands
    gripper_goal: float | None  # m, when it is to be sent now
    source: str  # of the target that is followed; otherwise the mode
    observation_ros_ns: int = 0  # stamp of the observation that this target was made from; 0: from none
    taken: Target | None = None  # the target that was taken up in this tick, if one was


class Bridge(Requests):
    """Everything between a target and a command. Time comes from the caller.

    A hold ends by itself when targets come back within ``resume_s``: a policy that paused for a tenth of a second
    and goes on means the same motion, and the limiter takes it up from rest. After a longer silence
    nobody knows what happened meanwhile, so a person has to arm again.

    Where the source is a policy, a person's targets come beside the policy's, on a topic of their own, and
    ``take_over`` changes who is followed: without a pause, from the last command on.
    """

    def __init__(
        self,
        robot: RobotDescription,
        config: BridgeConfig,
        far_end: Callable[[int], str] = lambda mono_ns: "",
    ) -> None:
        self._robot, self._config, self._far_end = robot, config, far_end
        times, rules, period_s = config.timeouts, config.targets, 1.0 / config.rate_hz
        self.machine = Machine()
        self.verdicts: Counter[Verdict] = Counter()
        space = Space(robot.workspace) if config.guard_workspace else None
        limits = robot.limits(config.profile)
        self._limiter = TargetLimiter(limits, period_s, space)
        self._track, self._pace = ReferenceTrack(rules.max_extrapolation_s), PathClock(limits, period_s)
        self._gripper = GripperGoal(
            robot.gripper.min_width,
            robot.gripper.max_width,
            config.gripper.hysteresis_m,
            config.gripper.min_interval_s,
        )
        self.feeds = feeds_of(robot, config)
        self._own = self._feed = self.feeds[Mode(config.source)]  # armed into, and followed
        self._joints_watch = Watchdog(times.joint_states_s)
        self._joints: Latest[tuple[Joints, int]] = Latest()
        self._joints_order = StampOrder()
        self._following = Following(robot.joint_names, config.max_tracking_error_rad, times.tracking_error_s)
        self._lock = threading.Lock()
        self._way_home: WayHome | None = None
        self._sent_before = False
        self._follow_from_mono_ns = self._held_mono_ns = 0
        self._far_problem = ""
        self._taken: Target | None = None
        self._followed: Target | None = None
        self._due_ros_ns, self._count = 0, itertools.count()

    @property
    def mode(self) -> Mode:
        """What the bridge is doing."""
        return self.machine.mode

    @property
    def at_rest(self) -> bool:
        """True when the last command does not move."""
        return self._limiter.at_rest

    def offer_target(
        self, raw: RawTarget, now_ros_ns: int, now_mono_ns: int, mode: Mode | None = None
    ) -> bool:
        """Take ``raw`` for the newest target of ``mode`` (default: the one that arming enters), if it is one."""
        feed = self._own if mode is None else self.feeds[mode]
        return feed.offer(raw, now_ros_ns, now_mono_ns)

    def offer_joints(self, positions: Joints, mono_ns: int, stamp_ns: int = 0) -> None:
        """Take the measured positions [rad], in the robot's order, unless they are not finite or not the newest.

        ``stamp_ns`` is when they were measured, on whatever clock; 0 where nobody said.
        """
        if np.isfinite(positions).all() and (not stamp_ns or self._joints_order.is_news(stamp_ns)):
            self._joints.put((positions, mono_ns))

    def offer_gripper(self, width: float) -> None:
        """Take the measured gripper width [m]."""
        self._gripper.measured(width)

    def fail(self, why: str) -> Sent:
        """Go to fault and brake for one tick: the way out of a tick that raised."""
        with self._lock:
            self.machine.fire(Event.FAILURE, why)
            command, _ = self._limiter.step(None, self._limiter.state.position)
            return self._sent(command)

    def tick(self, out_ros_ns: int, mono_ns: int) -> Sent | None:
        """One period; the command is for ROS time ``out_ros_ns``. None: there is nothing to say."""
        with self._lock:
            self._due_ros_ns = out_ros_ns
            self._far_problem = self._far_end(mono_ns)
            self._take(mono_ns)
            self._watch(mono_ns)
            following = self.machine.mode in FOLLOWING
            if self.machine.mode in MOVING and mono_ns < self._follow_from_mono_ns:
                return self._settle()
            if self.machine.mode in (Mode.DISARMED, Mode.FAULT) and self._limiter.at_rest:
                return None
            return self._send(self._step(self._reference(out_ros_ns, mono_ns)), following, mono_ns)

    def _reference(self, out_ros_ns: int, mono_ns: int) -> Reference | None:
        """Where to be at the end of this tick; None: brake."""
        if self.machine.mode in FOLLOWING:
            return self._pace.next(self._track, out_ros_ns)
        self._pace.restart()
        if self.machine.mode is not Mode.HOMING or self._way_home is None:
            return None
        if not self._way_home.over(mono_ns):
            return self._way_home.at(mono_ns)
        if self._limiter.at_rest:
            self._arrive()
        return None

    def _arrive(self) -> None:
        """The way home is over; whether it led there is another matter: a limit may have stopped the arm before."""
        away = float(np.abs(self._limiter.state.position - self._robot.home).max())
        if away <= SAME_PLACE:
            self.machine.fire(Event.AT_HOME, "at home")
        else:
            self.machine.fire(Event.DISARM, f"stopped {away:.2f} rad from home: a limit or the workspace")

    def target_age_s(self, mono_ns: int) -> float:
        """Seconds since the last good target, or since arming."""
        return self._feed.watch.age_s(mono_ns)

    def joints_age_s(self, mono_ns: int) -> float:
        """Seconds since the last joint states."""
        return self._joints_watch.age_s(mono_ns)

    def _take(self, mono_ns: int) -> None:
        """Newest inputs to where the tick wants them."""
        if (joints := self._joints.take()) is not None:
            self._joints_watch.feed(joints[1])
        first = not self._feed.watch.seen
        taken = {feed.mode: feed.take() for feed in self.feeds.values()}
        self._taken = target = taken[self._feed.mode]
        if target is None or self.machine.mode not in (*FOLLOWING, Mode.HOLD):
            return
        if first and (problem := self._feed.far(target, self._limiter.state.position)):
            self.machine.fire(Event.FAILURE, f"first target: {problem}")
            return
        self._track.update(target)
        self._followed = target
        if self.machine.mode in FOLLOWING:
            self._gripper.wish(target.gripper_width)

    def _watch(self, mono_ns: int) -> None:
        """Change the mode where something is late, or in time again."""
        mode, targets, joints = self.machine.mode, self._feed.watch, self._joints_watch
        if mode in (*MOVING, Mode.HOLD) and joints.expired(mono_ns):
            self.machine.fire(Event.FAILURE, f"no joint states for {joints.age_s(mono_ns):.3f} s")
        elif mode in (*MOVING, Mode.HOLD) and self._far_problem:
            self.machine.fire(Event.FAILURE, self._far_problem)
        elif mode in (*MOVING, Mode.HOLD) and (problem := self._strays(mono_ns)):
            self.machine.fire(Event.FAILURE, problem)
        elif mode in FOLLOWING and targets.expired(mono_ns):
            what = "target" if targets.seen else "first target after arming"
            self.machine.fire(Event.TARGETS_LATE, f"no {what} for {targets.age_s(mono_ns):.3f} s")
            self._held_mono_ns = mono_ns
        elif mode is Mode.POLICY and (problem := self._feed.stale(mono_ns)):
            self.machine.fire(Event.BLIND, problem)
            self._held_mono_ns = mono_ns
        elif mode is Mode.HOLD and not targets.expired(mono_ns) and self._may_resume(mono_ns):
            self.machine.fire(RESUME[self._feed.mode], "targets came back")

    def _strays(self, mono_ns: int) -> str:
        """Why the arm cannot be said to be where it is sent; empty if it can."""
        return self._following.problem(self._limiter.state.position, self._joints.get()[0], mono_ns)

    def _may_resume(self, mono_ns: int) -> bool:
        soon = mono_ns - self._held_mono_ns <= self._config.timeouts.resume_s * NS_PER_S
        newest, stands_at = self._feed.newest, self._limiter.state.position
        near = newest is not None and not self._feed.far(newest, stands_at)
        return soon and near and not self._feed.stale(mono_ns)

    def _settle(self) -> Sent | None:
        """The first thing said after arming: stay where you are, and take ``settle_s`` to get there."""
        if self._sent_before:
            return None
        self._sent_before = True
        return self._sent(self._limiter.command(self._config.timeouts.settle_s))

    def _step(self, reference: Reference | None) -> Command:
        command, verdict = self._limiter.step(reference, self._joints.get()[0])
        self.verdicts.update(verdict)
        return command

    def _send(self, command: Command, following: bool, mono_ns: int) -> Sent:
        if not following or not self._feed.watch.seen or self._followed is None:
            return self._sent(command)
        return replace(
            self._sent(command),
            gripper_goal=self._gripper.due(mono_ns),
            source=self._followed.source,
            observation_ros_ns=self._followed.observation_ros_ns,
            taken=self._taken,
        )

    def _sent(self, command: Command) -> Sent:
        """``command`` without a target behind it."""
        number, mode = next(self._count), self.machine.mode.value
        return Sent(command, self._due_ros_ns, number, self._gripper.width, None, mode)


__all__ = ["Answer", "Bridge", "Sent"]
