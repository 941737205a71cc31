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
from f2o_control.feed import Feed
from f2o_control.gripper import GripperGoal
from f2o_control.homing import WayHome
from f2o_control.limiter import Command, TargetLimiter, Verdict
from f2o_control.reference import Reference, ReferenceTrack
from f2o_control.robot import Joints, RobotDescription
from f2o_control.space import Space
from f2o_control.state import ARM, FOLLOWING, MOVING, RESUME, Event, Machine, Mode
from f2o_control.target import RawTarget, Target
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
        space = Space(robot.workspace) if config.guard_space else None
        self._limiter = TargetLimiter(robot.limits(config.profile), period_s, space)
        self._track = ReferenceTrack(rules.reach_s)
        self._gripper = GripperGoal(
            robot.gripper.min_width,
            robot.gripper.max_width,
            config.gripper.hysteresis_m,
            config.gripper.min_interval_s,
        )
        self.feeds = _feeds(robot, config)
        self._own = self._feed = self.feeds[Mode(config.source)]  # armed into, and followed
        self._joints_watch = Watchdog(times.joint_states_s)
        self._joints: Latest[tuple[Joints, int]] = Latest()
        self._lock = threading.Lock()
        self._way_home: WayHome | None = None
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

    def offer_target(
        self, raw: RawTarget, now_ros_ns: int, now_mono_ns: int, mode: Mode | None = None
    ) -> bool:
        """Take ``raw`` for the newest target of ``mode`` (default: the one that arming enters), if it is one."""
        feed = self._own if mode is None else self.feeds[mode]
        return feed.offer(raw, now_ros_ns, now_mono_ns)

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
            if problem := self._why_not(mono_ns) or self._not_to_follow(publishers, mono_ns):
                return Answer(False, f"not armed: {problem}")
            fresh_start = self.machine.mode is Mode.DISARMED
            self.machine.fire(ARM[self._own.mode], "armed")
            if fresh_start:
                self._set_out(mono_ns)
            self._follow(self._own)
            self._own.restart(mono_ns)
            return Answer(True, f"armed: {self._own.mode.value}")

    def take_over(self, mono_ns: int) -> Answer:
        """Follow the person instead of the policy, from the last command on."""
        with self._lock:
            hand = self.feeds.get(Mode.TELEOP)
            if hand is None or hand is self._own:
                return Answer(False, f"not taken over: only a policy can be, armed is {self._own.mode.value}")
            if self.machine.mode not in (Mode.POLICY, Mode.HOLD):
                return Answer(
                    False, f"not taken over: the bridge is {self.machine.mode.value}, not policy or hold"
                )
            if problem := hand.unfit(self._limiter.state.position, mono_ns):
                return Answer(False, f"not taken over: {problem}")
            self.machine.fire(Event.TAKE_OVER, "taken over by a person")
            self._follow(hand)
            return Answer(True, "taken over")

    def give_back(self, mono_ns: int) -> Answer:
        """Follow the policy again; refused, the person keeps the arm."""
        with self._lock:
            if self.machine.mode is not Mode.TELEOP or self._feed is self._own:
                return Answer(
                    False, f"not given back: the bridge is {self.machine.mode.value}, nothing was taken over"
                )
            if problem := self._own.unfit(self._limiter.state.position, mono_ns):
                return Answer(False, f"not given back: {problem}")
            self.machine.fire(Event.GIVE_BACK, "given back to the policy")
            self._follow(self._own)
            return Answer(True, "given back")

    def home(self, mono_ns: int) -> Answer:
        """Go to the robot's home, slowly and by itself; disarmed again once there. Disarming ends it on the way."""
        with self._lock:
            if problem := self._why_not(mono_ns):
                return Answer(False, f"not homing: {problem}")
            if self.machine.mode is Mode.HOLD:
                return Answer(False, "not homing: on hold; disarm first")
            self.machine.fire(Event.HOME, "on the way home")
            self._set_out(mono_ns)
            home, speed = np.array(self._robot.home), self._config.home_rad_s
            start = self._limiter.state.position
            self._way_home = WayHome(start, home, speed, self._follow_from_mono_ns)
            return Answer(True, f"homing, {self._way_home.duration_s:.1f} s")

    def recover(self) -> Answer:
        """Leave a fault, disarmed: what caused it is looked at again when somebody arms."""
        with self._lock:
            if self.machine.mode is not Mode.FAULT:
                return Answer(False, f"not recovered: the bridge is {self.machine.mode.value}, not in fault")
            if not self._limiter.at_rest:
                return Answer(False, "not recovered: still braking; try again in a second")
            self.machine.fire(Event.DISARM, "recovered")
            return Answer(True, "recovered: disarmed")

    def count_publishers(self, publishers: dict[Mode, int]) -> None:
        """How many nodes publish the targets of each mode now: a second one while the arm moves is a fault."""
        for mode, many in publishers.items():
            if many > 1 and self.machine.mode in FOLLOWING:
                with self._lock:
                    self.machine.fire(Event.FAILURE, self._too_many(many, self.feeds[mode].topic))

    def _follow(self, feed: Feed) -> None:
        """Whose targets are followed from now on; the newest of them at once."""
        self._feed = feed
        self._track.restart()
        if feed.newest is not None and feed is not self._own:
            self._track.update(feed.newest)

    def _set_out(self, mono_ns: int) -> None:
        """Begin at rest where the arm stands, after a while for the controller to take over there."""
        self._limiter.reset(self._start())
        self._sent_before = False
        self._follow_from_mono_ns = mono_ns + round(self._config.timeouts.settle_s * NS_PER_S)

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
            if self.machine.mode in MOVING and mono_ns < self._follow_from_mono_ns:
                return self._settle()
            if self.machine.mode in (Mode.DISARMED, Mode.FAULT) and self._limiter.at_rest:
                return None
            return self._send(self._step(self._reference(out_ros_ns, mono_ns)), following, mono_ns)

    def _reference(self, out_ros_ns: int, mono_ns: int) -> Reference | None:
        """Where to be at the end of this tick; None: brake."""
        if self.machine.mode in FOLLOWING:
            return self._track.at(out_ros_ns)
        if self.machine.mode is not Mode.HOMING or self._way_home is None:
            return None
        if not self._way_home.over(mono_ns):
            return self._way_home.at(mono_ns)
        if self._limiter.at_rest:
            self.machine.fire(Event.AT_HOME, "at home")
        return None

    def target_age_s(self, mono_ns: int) -> float:
        """Seconds since the last good target, or since arming."""
        return self._feed.watch.age_s(mono_ns)

    def joints_age_s(self, mono_ns: int) -> float:
        """Seconds since the last joint states."""
        return self._joints_watch.age_s(mono_ns)

    def _why_not(self, mono_ns: int) -> str:
        """Why the arm must not begin to move; empty if it may."""
        joints, topics = self._joints.get(), self._config.topics
        if self.machine.mode in MOVING:
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
        return ""

    def _not_to_follow(self, publishers: int, mono_ns: int) -> str:
        """Why targets must not be followed; a source that is silent yet has ``first_target_s`` to begin."""
        if publishers > 1:
            return self._too_many(publishers, self._own.topic)
        newest = self._own.newest
        if newest is None or self._own.watch.age_s(mono_ns) > self._config.timeouts.target_s:
            return ""
        return self._own.far(newest, self._start())

    def _too_many(self, publishers: int, topic: str) -> str:
        return f"{publishers} publishers on {topic}, at most 1 expected"

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
        first = not self._feed.watch.seen
        taken = {feed.mode: feed.take() for feed in self.feeds.values()}
        self._taken = target = taken[self._feed.mode]
        if target is None or self.machine.mode not in (*FOLLOWING, Mode.HOLD):
            return
        if first and (problem := self._feed.far(target, self._limiter.state.position)):
            self.machine.fire(Event.FAILURE, f"first target: {problem}")
            return
        self._track.update(target)
        self._source = target.source
        if self.machine.mode in FOLLOWING:
            self._gripper.wish(target.gripper_width)

    def _watch(self, mono_ns: int) -> None:
        """Change the mode where something is late, or in time again."""
        mode, targets, joints = self.machine.mode, self._feed.watch, self._joints_watch
        if mode in (*MOVING, Mode.HOLD) and joints.expired(mono_ns):
            self.machine.fire(Event.FAILURE, f"no joint states for {joints.age_s(mono_ns):.3f} s")
        elif mode in (*MOVING, Mode.HOLD) and self._far_problem:
            self.machine.fire(Event.FAILURE, self._far_problem)
        elif mode in FOLLOWING and targets.expired(mono_ns):
            what = "target" if targets.seen else "first target after arming"
            self.machine.fire(Event.TARGETS_LATE, f"no {what} for {targets.age_s(mono_ns):.3f} s")
            self._held_mono_ns = mono_ns
        elif mode is Mode.HOLD and not targets.expired(mono_ns) and self._may_resume(mono_ns):
            self.machine.fire(RESUME[self._feed.mode], "targets came back")

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
        led = following and self._feed.watch.seen
        goal = self._gripper.due(mono_ns) if led else None
        source = self._source if led else self.machine.mode.value
        return Sent(command, self._gripper.width, goal, source, self._taken if following else None)


def _feeds(robot: RobotDescription, config: BridgeConfig) -> dict[Mode, Feed]:
    """The feed of the source, and beside a policy's that of a person who may take over."""
    modes = {Mode(config.source): config.topics.target}
    if Mode.POLICY in modes:
        modes[Mode.TELEOP] = config.topics.takeover_target
    return {mode: Feed(mode, topic, robot.joint_names, config) for mode, topic in modes.items()}
