"""The core of the bridge: inputs, operator services, and one command per tick.

Inputs (``offer_*``), operator services (``arm``, ``home``, ...) and the loop (``tick``) may be different threads.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.collision import CollisionModel
from f2o_control.config import BridgeConfig
from f2o_control.following import Follower
from f2o_control.gripper import GripperGoal
from f2o_control.homing import HomingTrajectory
from f2o_control.limiter import Command, TargetLimiter, Verdict
from f2o_control.measured import MeasuredJoints, TrackingMonitor
from f2o_control.reference import Reference
from f2o_control.robot import Joints, RobotDescription
from f2o_control.sources import CommandSource
from f2o_control.state import ARM, FOLLOWING, MOVING, RESUME, Event, Mode, StateMachine
from f2o_control.target import RawTarget, Target

SAME_PLACE = 0.02  # rad: nearer to the last command than this, the arm still stands where it was sent


@dataclass(frozen=True)
class Answer:
    """The result of an operator service, in one sentence."""

    accepted: bool
    text: str


@dataclass(frozen=True)
class Sent:
    """The output of a tick."""

    command: Command
    due_ros_ns: int  # when the arm is to reach it
    sequence: int  # counts the commands
    gripper_width: float  # m, the current goal
    gripper_goal: float | None  # m, the goal if it is to be sent in this tick
    source: str  # of the followed target; without one the mode
    observation_ros_ns: int = 0  # stamp of the observation behind this target; 0: none
    taken: Target | None = None  # the target received for this tick


class Bridge:
    """Turns targets into commands. All times are given by the caller.

    It is composed of parts: each ``CommandSource`` checks its targets, ``MeasuredJoints`` and ``TrackingMonitor`` watch
    the arm, the ``StateMachine`` knows the legal transitions, the ``Follower`` and the ``HomingTrajectory`` give the
    reference, and the ``TargetLimiter`` makes a command of it. A refused operator service changes nothing.

    A hold ends by itself when targets come back within ``resume_s``: after a short pause they still mean the same
    motion, and the limiter resumes it from rest. After a longer one an operator has to arm again.

    Beside a policy, an operator's targets arrive on a topic of their own, and ``take_over`` follows them instead,
    without a pause, from the last command on.

    Args:
        robot: the arm.
        config: see ``BridgeConfig``.
        poll_adapter: called once per tick with the monotonic time [ns]; returns why the adapter cannot be used, or ''.
    """

    def __init__(
        self,
        robot: RobotDescription,
        config: BridgeConfig,
        poll_adapter: Callable[[int], str] = lambda mono_ns: "",
    ) -> None:
        self._robot, self._config, self._poll_adapter = robot, config, poll_adapter
        times, topics, period_s = config.timeouts, config.topics, 1.0 / config.rate_hz
        limits, grip = robot.limits(config.profile), config.gripper
        self.machine = StateMachine()
        self.verdicts: Counter[Verdict] = Counter()
        self._follower = Follower(robot, config, limits)
        self._joints = MeasuredJoints(robot.joint_names, topics.joint_states, times.joint_states_s)
        self._tracking = TrackingMonitor(
            robot.joint_names, config.max_tracking_error_rad, times.tracking_error_s
        )
        self._limiter = TargetLimiter(
            limits, period_s, CollisionModel(robot.workspace) if config.guard_workspace else None
        )
        stroke = robot.gripper.min_width, robot.gripper.max_width
        self._gripper = GripperGoal(*stroke, grip.hysteresis_m, grip.min_interval_s)
        self._homing: HomingTrajectory | None = None
        self._lock = threading.Lock()
        self._adapter_problem = ""
        self._settled_mono_ns = self._held_mono_ns = 0  # when a motion may begin; when the hold began
        self._announced = False  # the first command since the start was sent
        self._due_ros_ns, self._sequence = 0, itertools.count()

    # State

    @property
    def mode(self) -> Mode:
        """The current mode."""
        return self.machine.mode

    @property
    def sources(self) -> Mapping[Mode, CommandSource]:
        """The command sources, by the mode in which each counts."""
        return self._follower.sources

    @property
    def at_rest(self) -> bool:
        """Whether the last command does not move."""
        return self._limiter.at_rest

    def target_age_s(self, mono_ns: int) -> float:
        """Seconds since the last good target, or since arming."""
        return self._follower.source.watch.age_s(mono_ns)

    def joints_age_s(self, mono_ns: int) -> float:
        """Seconds since the last joint states."""
        return self._joints.age_s(mono_ns)

    # Inputs

    def offer_target(
        self, raw: RawTarget, now_ros_ns: int, now_mono_ns: int, mode: Mode | None = None
    ) -> bool:
        """Check ``raw``, a target of ``mode`` (default: the configured source's); returns whether it is accepted."""
        source = self._follower.own if mode is None else self.sources[mode]
        return source.offer(raw, now_ros_ns, now_mono_ns)

    def offer_joints(self, positions: Joints, mono_ns: int, stamp_ns: int = 0) -> None:
        """Take measured positions.

        Args:
            positions: in the robot's order [rad]; ignored if not finite.
            mono_ns: when they were received, monotonic clock.
            stamp_ns: when they were measured, any clock; ignored if not newer than the last; 0 if unknown.
        """
        self._joints.offer(positions, mono_ns, stamp_ns)

    def offer_gripper(self, width: float) -> None:
        """Take the measured gripper width [m]."""
        self._gripper.measured(width)

    def count_publishers(self, publishers: dict[Mode, int]) -> None:
        """Take the number of publishers of each mode's targets: a second one while armed is a fault."""
        for mode, many in publishers.items():
            if many > 1 and self.machine.mode in (*MOVING, Mode.HOLD):
                with self._lock:
                    self.machine.fire(Event.FAILURE, _too_many(many, self.sources[mode]))

    # Operator services

    def arm(self, publishers: int, mono_ns: int) -> Answer:
        """Enter the mode of the configured source, of whose targets there are so many ``publishers``."""
        with self._lock:
            if problem := self._motion_refusal(mono_ns) or self._following_refusal(publishers, mono_ns):
                return Answer(False, f"not armed: {problem}")
            fresh_start, mode = self.machine.mode is Mode.DISARMED, self._follower.own.mode
            self.machine.fire(ARM[mode], "armed")
            if fresh_start:
                self._set_out(mono_ns)
            self._follower.restart(mono_ns)
            return Answer(True, f"armed: {mode.value}")

    def disarm(self) -> Answer:
        """Brake, then send nothing more to the controller."""
        with self._lock:
            self.machine.fire(Event.DISARM, "disarmed")
            return Answer(True, "disarmed")

    def take_over(self, mono_ns: int) -> Answer:
        """Follow the operator instead of the policy, from the last command on."""
        with self._lock:
            if problem := self._takeover_refusal(mono_ns):
                return Answer(False, f"not taken over: {problem}")
            self.machine.fire(Event.TAKE_OVER, "taken over by the operator")
            self._follower.follow(self.sources[Mode.TELEOP])
            return Answer(True, "taken over")

    def give_back(self, mono_ns: int) -> Answer:
        """Follow the policy again; if refused, the operator keeps the arm."""
        with self._lock:
            if problem := self._give_back_refusal(mono_ns):
                return Answer(False, f"not given back: {problem}")
            self.machine.fire(Event.GIVE_BACK, "given back to the policy")
            self._follower.follow(self._follower.own)
            return Answer(True, "given back")

    def home(self, mono_ns: int) -> Answer:
        """Move to the robot's home and disarm there; ``disarm`` ends the motion."""
        with self._lock:
            if problem := self._motion_refusal(mono_ns):
                return Answer(False, f"not homing: {problem}")
            if self.machine.mode is Mode.HOLD:
                return Answer(False, "not homing: on hold; disarm first")
            home, speed = np.array(self._robot.home), self._config.homing_rad_s
            self._set_out(mono_ns)  # what is forbidden depends on the arm's position
            if self._limiter.forbids(home):
                return Answer(
                    False, f"not homing: home of robot_{self._robot.name}.yaml lies outside its workspace"
                )
            self.machine.fire(Event.HOME, "on the way home")
            start = self._limiter.state.position
            self._homing = HomingTrajectory(start, home, speed, self._settled_mono_ns)
            return Answer(True, f"homing, {self._homing.duration_s:.1f} s")

    def recover(self) -> Answer:
        """Leave a fault of the bridge, or while disarmed of the adapter's arm; then disarmed."""
        with self._lock:
            if problem := self.not_recoverable():
                return Answer(False, f"not recovered: {problem}")
            self.machine.fire(Event.DISARM, "recovered")
            return Answer(True, "recovered: disarmed")

    def not_recoverable(self) -> str:
        """Why ``recover`` would be refused, or ''."""
        if self.machine.mode is Mode.DISARMED and self._adapter_problem:
            return ""
        if self.machine.mode is not Mode.FAULT:
            return f"the bridge is {self.machine.mode.value}, not in fault"
        return "" if self._limiter.at_rest else "still braking; try again in a second"

    def _motion_refusal(self, mono_ns: int) -> str:
        """Why the arm must not begin to move, or ''."""
        if self.machine.mode in MOVING:
            return f"already armed ({self.machine.mode.value})"
        if self.machine.mode is Mode.FAULT:
            return f"in fault ({self.machine.reason}); disarm first, then arm again"
        if not self._limiter.at_rest:
            return "still braking; try again in a second"
        return self._adapter_problem or self._joints.unfit(mono_ns)

    def _following_refusal(self, publishers: int, mono_ns: int) -> str:
        """Why the own source must not be followed, or ''; one that is silent has ``first_target_s`` to begin."""
        if publishers > 1:
            return _too_many(publishers, self._follower.own)
        own = self._follower.own
        return "" if own.silent(mono_ns) else own.unfit(self._start(), mono_ns)

    def _takeover_refusal(self, mono_ns: int) -> str:
        """Why the operator must not take over, or ''."""
        operator = self.sources.get(Mode.TELEOP)
        if operator is None or operator is self._follower.own:
            return f"only a policy can be, armed is {self._follower.own.mode.value}"
        if self.machine.mode not in (Mode.POLICY, Mode.HOLD):
            return f"the bridge is {self.machine.mode.value}, not policy or hold"
        return operator.unfit(self._limiter.state.position, mono_ns)

    def _give_back_refusal(self, mono_ns: int) -> str:
        """Why the policy must not be followed again, or ''."""
        own = self._follower.own
        if self.machine.mode is not Mode.TELEOP or self._follower.source is own:
            return f"the bridge is {self.machine.mode.value}, nothing was taken over"
        return own.unfit(self._limiter.state.position, mono_ns)

    def _set_out(self, mono_ns: int) -> None:
        """Begin at rest at the arm's position, after ``settle_s`` for the controller to take over there."""
        self._limiter.reset(self._start())
        self._announced = False
        self._settled_mono_ns = mono_ns + round(self._config.timeouts.settle_s * NS_PER_S)

    def _start(self) -> Joints:
        """Where to start [rad]: the last command if the arm is still there, else the measured position.

        The controller holds the last command, and a servo sags a little under it: to start from the
        measured position would be a step.
        """
        measured, last = self._measured(), self._limiter.state.position
        return last if np.abs(measured - last).max() < SAME_PLACE else measured

    def _measured(self) -> Joints:
        """Where the arm is; before its first joint state, where it is commanded."""
        measured = self._joints.position
        return self._limiter.state.position if measured is None else measured

    # Output

    def tick(self, out_ros_ns: int, mono_ns: int) -> Sent | None:
        """Run one period.

        Args:
            out_ros_ns: ROS time at which the arm is to reach the command.
            mono_ns: now, monotonic clock.

        Returns:
            What to send; None if nothing.
        """
        with self._lock:
            self._due_ros_ns = out_ros_ns
            self._adapter_problem = self._poll_adapter(mono_ns)
            taken = self._take()
            self._watch(mono_ns)
            if self.machine.mode in MOVING and mono_ns < self._settled_mono_ns:
                return self._announce()
            if self.machine.mode in (Mode.DISARMED, Mode.FAULT) and self._limiter.at_rest:
                return None
            if self.machine.mode in FOLLOWING:
                return self._step_after(taken, mono_ns)
            return self._sent(self._step(self._own_reference(mono_ns)))

    def fail(self, why: str) -> Sent:
        """Enter the fault because of ``why`` and brake for one tick; for a tick that raised."""
        with self._lock:
            self.machine.fire(Event.FAILURE, why)
            command, _ = self._limiter.step(None, self._limiter.state.position)
            return self._sent(command)

    def _take(self) -> Target | None:
        """Take the newest target of the followed source, if there is one."""
        source = self._follower.source
        first, target = not source.watch.seen, self._follower.take()
        if target is None or self.machine.mode not in (*FOLLOWING, Mode.HOLD):
            return None
        if first and (problem := source.start_error(target, self._limiter.state.position)):
            self.machine.fire(Event.FAILURE, f"first target: {problem}")
            return None
        self._follower.update(target)
        if self.machine.mode in FOLLOWING:
            self._gripper.request(target.gripper_width)
        return target

    def _watch(self, mono_ns: int) -> None:
        """Change the mode if an input is stale or fresh again, or the arm does not follow."""
        mode, source = self.machine.mode, self._follower.source
        if mode not in (*MOVING, Mode.HOLD):
            return
        if problem := self._joints.stale(mono_ns) or self._adapter_problem or self._tracking_error(mono_ns):
            self.machine.fire(Event.FAILURE, problem)
        elif mode in FOLLOWING and (problem := source.late(mono_ns)):
            self._hold(Event.TARGETS_LATE, problem, mono_ns)
        elif mode in FOLLOWING and (problem := source.stale(mono_ns)):
            self._hold(Event.OBSERVATIONS_STALE, problem, mono_ns)
        elif mode is Mode.HOLD and not source.late(mono_ns) and self._may_resume(mono_ns):
            self.machine.fire(RESUME[source.mode], "targets came back")

    def _tracking_error(self, mono_ns: int) -> str:
        """Why the arm does not follow its commands, or ''."""
        return self._tracking.problem(self._limiter.state.position, self._measured(), mono_ns)

    def _hold(self, event: Event, problem: str, mono_ns: int) -> None:
        self.machine.fire(event, problem)
        self._held_mono_ns = mono_ns

    def _may_resume(self, mono_ns: int) -> bool:
        soon = mono_ns - self._held_mono_ns <= self._config.timeouts.resume_s * NS_PER_S
        source, stands_at = self._follower.source, self._limiter.state.position
        near = source.newest is not None and not source.start_error(source.newest, stands_at)
        return soon and near and not source.stale(mono_ns)

    def _announce(self) -> Sent | None:
        """The first command after arming: the arm's own position, due in ``settle_s``; then None."""
        if self._announced:
            return None
        self._announced = True
        return self._sent(self._limiter.command(self._config.timeouts.settle_s))

    def _step_after(self, taken: Target | None, mono_ns: int) -> Sent:
        """One step along the followed source's targets; ``taken`` is the one received for this tick."""
        sent = self._sent(self._step(self._follower.reference(self._due_ros_ns)))
        if (target := self._follower.target) is None:
            return sent
        return replace(
            sent,
            gripper_goal=self._gripper.due(mono_ns),
            source=target.source,
            observation_ros_ns=target.observation_ros_ns,
            taken=taken,
        )

    def _own_reference(self, mono_ns: int) -> Reference | None:
        """The reference of a tick in which no source is followed; None: brake."""
        self._follower.pause()
        if self.machine.mode is not Mode.HOMING or self._homing is None:
            return None
        if not self._homing.over(mono_ns):
            return self._homing.at(mono_ns)
        if self._limiter.at_rest:
            self._finish_homing()
        return None

    def _finish_homing(self) -> None:
        """Disarm at the end of the homing trajectory, at home or where a limit stopped the arm."""
        away = float(np.abs(self._limiter.state.position - self._robot.home).max())
        if away <= SAME_PLACE:
            self.machine.fire(Event.AT_HOME, "at home")
        else:
            self.machine.fire(Event.DISARM, f"stopped {away:.2f} rad from home: a limit or the workspace")

    def _step(self, reference: Reference | None) -> Command:
        command, verdict = self._limiter.step(reference, self._measured())
        self.verdicts.update(verdict)
        return command

    def _sent(self, command: Command) -> Sent:
        """The output for ``command`` without a followed target."""
        number, mode = next(self._sequence), self.machine.mode.value
        return Sent(command, self._due_ros_ns, number, self._gripper.width, None, mode)


def _too_many(publishers: int, source: CommandSource) -> str:
    return f"{publishers} publishers on {source.topic}, at most 1 expected"
