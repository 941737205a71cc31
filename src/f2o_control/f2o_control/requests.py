"""What people may ask of the bridge: to arm, to take over and give back, to go home, to recover."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.latest import Latest
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.config import BridgeConfig
from f2o_control.feed import Feed
from f2o_control.homing import WayHome
from f2o_control.limiter import TargetLimiter
from f2o_control.limits import Joints
from f2o_control.reference import PathClock, ReferenceTrack
from f2o_control.robot import RobotDescription
from f2o_control.state import ARM, MOVING, Event, Machine, Mode
from f2o_control.target import Target

SAME_PLACE = 0.02  # rad: nearer to the last command than this, the arm still stands where it was sent


@dataclass(frozen=True)
class Answer:
    """What became of a request, in one sentence."""

    accepted: bool
    text: str


class Requests:
    """The half of the bridge that answers people; ``bridge.Bridge`` is the other, which keeps the time.

    Every answer says in one sentence what became of the request; what is refused has changed nothing.
    """

    machine: Machine
    feeds: dict[Mode, Feed]
    _config: BridgeConfig
    _robot: RobotDescription
    _lock: threading.Lock
    _limiter: TargetLimiter
    _track: ReferenceTrack
    _pace: PathClock
    _joints: Latest[tuple[Joints, int]]
    _own: Feed  # whose mode arming enters
    _feed: Feed  # whose targets are followed
    _followed: Target | None
    _far_problem: str
    _sent_before: bool
    _follow_from_mono_ns: int
    _way_home: WayHome | None

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
            for feed in self.feeds.values():  # the clocks of both senders may have been set since
                feed.restart(mono_ns)
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
            home, speed = np.array(self._robot.home), self._config.homing_rad_s
            self._set_out(mono_ns)  # what is forbidden depends on where the arm stands
            if self._limiter.forbids(home):
                return Answer(
                    False, f"not homing: home of robot_{self._robot.name}.yaml lies outside its workspace"
                )
            self.machine.fire(Event.HOME, "on the way home")
            start = self._limiter.state.position
            self._way_home = WayHome(start, home, speed, self._follow_from_mono_ns)
            return Answer(True, f"homing, {self._way_home.duration_s:.1f} s")

    def recover(self) -> Answer:
        """Leave a fault, disarmed: what caused it is looked at again when somebody arms.

        Disarmed, there may be a fault of the adapter's far end to leave.
        """
        with self._lock:
            if problem := self.not_recoverable():
                return Answer(False, f"not recovered: {problem}")
            self.machine.fire(Event.DISARM, "recovered")
            return Answer(True, "recovered: disarmed")

    def not_recoverable(self) -> str:
        """Why there is nothing to recover from, or not yet; empty if there is."""
        if self.machine.mode is Mode.DISARMED and self._far_problem:
            return ""
        if self.machine.mode is not Mode.FAULT:
            return f"the bridge is {self.machine.mode.value}, not in fault"
        return "" if self._limiter.at_rest else "still braking; try again in a second"

    def count_publishers(self, publishers: dict[Mode, int]) -> None:
        """How many nodes publish the targets of each mode now: a second one while it counts is a fault."""
        for mode, many in publishers.items():
            if many > 1 and self.machine.mode in (*MOVING, Mode.HOLD):
                with self._lock:
                    self.machine.fire(Event.FAILURE, self._too_many(many, self.feeds[mode].topic))

    def _follow(self, feed: Feed) -> None:
        """Whose targets are followed from now on; the newest of them at once."""
        self._feed = feed
        self._track.restart()
        self._pace.restart()
        if feed.newest is not None and feed is not self._own:
            self._track.update(feed.newest)
            self._followed = feed.newest

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
        return "" if self._own.silent(mono_ns) else self._own.unfit(self._start(), mono_ns)

    def _too_many(self, publishers: int, topic: str) -> str:
        return f"{publishers} publishers on {topic}, at most 1 expected"

    def _start(self) -> Joints:
        """Where to start: the last command if the arm still stands there, else where it is measured.

        The controller holds the last command, and a servo sags a little under it: to start from the
        measured position would be a step.
        """
        measured, last = self._joints.get()[0], self._limiter.state.position
        return last if np.abs(measured - last).max() < SAME_PLACE else measured
