"""The bridge without ROS: checks, watchdogs, state machine and limiter put together.

Callbacks (``offer_*``, ``arm``, ``disarm``) and the loop (``tick``) may be different threads.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.latest import Latest

from f2o_control.config import BridgeConfig
from f2o_control.gripper import GripperGoal
from f2o_control.limiter import Command, TargetLimiter, Verdict
from f2o_control.reference import Reference, ReferenceTrack
from f2o_control.robot import Joints, RobotDescription
from f2o_control.state import ARM, FOLLOWING, RESUME, Event, Machine, Mode
from f2o_control.target import RawTarget, Target, TargetCheck
from f2o_control.watchdog import NS_PER_S, Watchdog

SAME_PLACE = 0.02  # rad: nearer to the last command than this, the arm still stands where it was sent


@dataclass(frozen=True)
class Answer:
    """What became of a request, in one sentence."""

    accepted: bool
    text: str


@dataclass(frozen=True)
class Sent:
    """What a tick sends."""

    command: Command
    gripper_width: float  # m, the goal that stands
    gripper_goal: float | None  # m, when it is to be sent now
    source: str  # of the target that is followed; otherwise the mode
    taken: Target | None = None  # the target that was taken up in this tick, if one was


class Bridge:
    """Everything between a target and a command. Time comes from the caller.

    A hold ends by itself when targets come back within ``resume_s``: a policy that paused for a tenth of a second
    and goes on means the same motion, and the limiter takes it up from rest. After a longer silence
    nobody knows what happened meanwhile, so a person has to arm again.
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
        self.check = TargetCheck(robot.joint_names, config.source, rules.stale_s, rules.ahead_s)
        self.verdicts: Counter[Verdict] = Counter()
        self._limiter = TargetLimiter(robot.limits(), period_s)
        self._track = ReferenceTrack(rules.reach_s)
        self._gripper = GripperGoal(
            robot.gripper.min_width,
            robot.gripper.max_width,
            config.gripper.hysteresis_m,
            config.gripper.min_interval_s,
        )
        self._target_watch = Watchdog(times.target_s, times.first_target_s)
        self._joints_watch = Watchdog(times.joint_states_s)
        self._targets: Latest[Target] = Latest()
        self._joints: Latest[tuple[Joints, int]] = Latest()
        self._lock = threading.Lock()
        self._active = Mode(config.source)
        self._sent_before = False
        self._follow_from_mono_ns = self._held_mono_ns = 0
        self._source = self._far_problem = ""
        self._taken: Target | None = None

    @property
    def mode(self) -> Mode:
        """What the bridge is doing."""
        return self.machine.mode

    @property
    def at_rest(self) -> bool:
        """True when the last command does not move."""
        return self._limiter.at_rest

    def offer_target(self, raw: RawTarget, now_ros_ns: int, now_mono_ns: int) -> bool:
        """Take ``raw`` for the newest target, if it is one."""
        target = self.check.admit(raw, now_ros_ns, now_mono_ns)
        if target is not None:
            self._targets.put(target)
        return target is not None

    def offer_joints(self, positions: Joints, mono_ns: int) -> None:
        """Take the measured positions [rad], in the robot's order; anything that is not finite is ignored."""
        if np.isfinite(positions).all():
            self._joints.put((positions, mono_ns))

    def offer_gripper(self, width: float) -> None:
        """Take the measured gripper width [m]."""
        self._gripper.measured(width)

    def arm(self, publishers: int, mono_ns: int) -> Answer:
        """Enter the source's mode; ``publishers`` is how many nodes publish targets."""
        with self._lock:
            if problem := self._why_not(publishers, mono_ns):
                return Answer(False, f"not armed: {problem}")
            fresh_start = self.machine.mode is Mode.DISARMED
            self.machine.fire(ARM[self._active], "armed")
            if fresh_start:
                self._limiter.reset(self._start())
                self._sent_before = False
                self._follow_from_mono_ns = mono_ns + round(self._config.timeouts.settle_s * NS_PER_S)
            self._track.restart()
            self._targets.clear()
            self.check.restart()
            self._target_watch.start(mono_ns)
            return Answer(True, f"armed: {self._active.value}")

    def disarm(self) -> Answer:
        """Brake, then say nothing more to the controller."""
        with self._lock:
            self.machine.fire(Event.DISARM, "disarmed")
            return Answer(True, "disarmed")

    def fail(self, why: str) -> Sent:
        """Go to fault and brake for one tick: the way out of a tick that raised."""
        with self._lock:
            self.machine.fire(Event.FAILURE, why)
            command, _ = self._limiter.step(None, self._limiter.state.position)
            return Sent(command, self._gripper.width, None, self.machine.mode.value)

    def tick(self, out_ros_ns: int, mono_ns: int) -> Sent | None:
        """One period; the command is for ROS time ``out_ros_ns``. None: there is nothing to say."""
        with self._lock:
            self._far_problem = self._far_end(mono_ns)
            self._take(mono_ns)
            self._watch(mono_ns)
            following = self.machine.mode in FOLLOWING
            if following and mono_ns < self._follow_from_mono_ns:
                return self._settle()
            if self.machine.mode in (Mode.DISARMED, Mode.FAULT) and self._limiter.at_rest:
                return None
            reference = self._track.at(out_ros_ns) if following else None
            return self._send(self._step(reference), following, mono_ns)

    def target_age_s(self, mono_ns: int) -> float:
        """Seconds since the last good target, or since arming."""
        return self._target_watch.age_s(mono_ns)

    def joints_age_s(self, mono_ns: int) -> float:
        """Seconds since the last joint states."""
        return self._joints_watch.age_s(mono_ns)

    def _why_not(self, publishers: int, mono_ns: int) -> str:
        """Why arming is refused; empty if it is not."""
        joints, topics = self._joints.get(), self._config.topics
        if self.machine.mode in FOLLOWING:
            return f"already armed ({self.machine.mode.value})"
        if self.machine.mode is Mode.FAULT:
            return f"in fault ({self.machine.reason}); disarm first, then arm again"
        if not self._limiter.at_rest:
            return "still braking; try again in a second"
        if self._far_problem:
            return self._far_problem
        if joints is None:
            return f"no joint states with {', '.join(self._robot.joint_names)} on {topics.joint_states} yet"
        age_s, limit_s = (mono_ns - joints[1]) / NS_PER_S, self._config.timeouts.joint_states_s
        if age_s > limit_s:
            return (
                f"the last joint states on {topics.joint_states} came {age_s:.1f} s ago (limit {limit_s:g} s)"
            )
        if publishers > 1:
            return f"{publishers} publishers on {topics.target}, at most 1 expected"
        return ""

    def _start(self) -> Joints:
        """Where to start: the last command if the arm still stands there, else where it is measured.

        The controller holds the last command, and a servo sags a little under it: to start from the
        measured position would be a step.
        """
        measured, last = self._joints.get()[0], self._limiter.state.position
        return last if np.abs(measured - last).max() < SAME_PLACE else measured

    def _take(self, mono_ns: int) -> None:
        """Newest inputs to where the tick wants them."""
        if (joints := self._joints.take()) is not None:
            self._joints_watch.feed(joints[1])
        self._taken = target = self._targets.take()
        if target is not None:
            self._target_watch.feed(target.received_mono_ns)
            self._track.update(target)
            self._source = target.source
            if self.machine.mode in FOLLOWING:
                self._gripper.wish(target.gripper_width)

    def _watch(self, mono_ns: int) -> None:
        """Change the mode where something is late, or in time again."""
        mode, targets, joints = self.machine.mode, self._target_watch, self._joints_watch
        if mode in (*FOLLOWING, Mode.HOLD) and joints.expired(mono_ns):
            self.machine.fire(Event.FAILURE, f"no joint states for {joints.age_s(mono_ns):.3f} s")
        elif mode in (*FOLLOWING, Mode.HOLD) and self._far_problem:
            self.machine.fire(Event.FAILURE, self._far_problem)
        elif mode in FOLLOWING and targets.expired(mono_ns):
            what = "target" if targets.seen else "first target after arming"
            self.machine.fire(Event.TARGETS_LATE, f"no {what} for {targets.age_s(mono_ns):.3f} s")
            self._held_mono_ns = mono_ns
        elif mode is Mode.HOLD and not targets.expired(mono_ns) and self._may_resume(mono_ns):
            self.machine.fire(RESUME[self._active], "targets came back")

    def _may_resume(self, mono_ns: int) -> bool:
        return mono_ns - self._held_mono_ns <= self._config.timeouts.resume_s * NS_PER_S

    def _settle(self) -> Sent | None:
        """The first thing said after arming: stay where you are, and take ``settle_s`` to get there."""
        if self._sent_before:
            return None
        self._sent_before = True
        command = self._limiter.command(self._config.timeouts.settle_s)
        return Sent(command, self._gripper.width, None, self.machine.mode.value)

    def _step(self, reference: Reference | None) -> Command:
        command, verdict = self._limiter.step(reference, self._joints.get()[0])
        self.verdicts.update(verdict)
        return command

    def _send(self, command: Command, following: bool, mono_ns: int) -> Sent:
        goal = self._gripper.due(mono_ns) if following and self._target_watch.seen else None
        source = self._source if following and self._target_watch.seen else self.machine.mode.value
        return Sent(command, self._gripper.width, goal, source, self._taken if following else None)
