"""The core of the bridge: inputs, operator services, and one command per tick.

Inputs (``offer_*``), operator services (``arm``, ``home``, ...) and the loop (``tick``) may be different threads.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.collision import CollisionModel
from f2o_control.config import BridgeConfig
from f2o_control.enable import EnableSwitch
from f2o_control.following import Follower
from f2o_control.gripper import GripperGoal
from f2o_control.homing import HomingTrajectory
from f2o_control.limiter import Command, Mark, TargetLimiter, Verdict
from f2o_control.measured import HeldJoints, MeasuredJoints, ReportedArm, TrackingMonitor
from f2o_control.reference import Reference
from f2o_control.relief import Relief
from f2o_control.robot import Joints, RobotDescription
from f2o_control.slowing import Slowing
from f2o_control.sources import CommandSource
from f2o_control.state import ARM, FOLLOWING, MOVING, RESUME, Event, Mode, StateMachine
from f2o_control.target import RawTarget, Target
from f2o_control.timeline import Ticks, Timeline
from f2o_control.tool_speed import ToolSpeed

MAX_AHEAD_S = (
    0.02  # of a joint state's stamp before its arrival, where nothing is told in the controller's time
)
DROPPED_NS = (
    50_000_000  # so late a command may not arrive at all: half of its lifespan (convert.COMMAND_LIFESPAN_S)
)
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
    gripper_width: float  # m, the current goal; NaN before any width was measured or asked for
    gripper_goal: float | None  # m, the goal if it is to be sent in this tick
    source: str  # of the followed target; without one the mode
    observation_ros_ns: int = 0  # stamp of the observation behind this target; 0: none
    taken: Target | None = None  # the target received for this tick


class Bridge:
    """Turns targets into commands. All times are given by the caller.

    Attributes:
        unread_joints: why joint states that come cannot be read, or ''; set by the caller.
        unset: what the arm must still be told before a motion, or ''; set by the caller.
        enable: the hold-to-run switch; the caller offers what is heard of it.
        overran: ticks whose command came too late (``in_time``, ``handed_over``).

    It is composed of parts: each ``CommandSource`` checks its targets, ``MeasuredJoints`` and ``TrackingMonitor`` watch
    the arm, the ``StateMachine`` knows the legal transitions, the ``Follower`` and the ``HomingTrajectory`` give the
    reference, and the ``TargetLimiter`` makes a command of it. A refused operator service changes nothing.

    A hold ends by itself when targets come back within ``resume_s``: after a short pause they still mean the same
    motion, and the limiter resumes it from rest. After a longer one an operator has to arm again, and after the enable
    switch was released in any case: to press it permits a motion and begins none (as IEC 60204-1 has it).

    Beside a policy, an operator's targets arrive on a topic of their own, and ``take_over`` follows them instead,
    without a pause, from the last command on.

    Args:
        robot: the arm.
        config: see ``BridgeConfig``.
        poll_adapter: called once per tick with the monotonic time [ns]; returns why the adapter cannot be used, or ''.
        follows_stop: see ``Adapter``.
    """

    def __init__(
        self,
        robot: RobotDescription,
        config: BridgeConfig,
        poll_adapter: Callable[[int], str] = lambda mono_ns: "",
        follows_stop: bool = False,
    ) -> None:
        self._robot, self._config, self._poll_adapter = robot, config, poll_adapter
        times, topics, period_s = config.timeouts, config.topics, 1.0 / config.rate_hz
        limits, grip = robot.limits(config.profile), config.gripper
        self.machine = StateMachine()
        self.verdicts: Counter[Verdict] = Counter()
        collisions = tool = slowing = None
        if config.guard_workspace:
            collisions = CollisionModel(robot.workspace)
            tool = ToolSpeed(robot.workspace, robot.profile(config.profile).tcp_speed_m_s, period_s)
            slowing = Slowing(limits, tool, collisions)
        self._follower = Follower(robot, config, limits, slowing)
        # A controller whose clock is ahead hears of a step when it has begun.
        ahead_s = times.transport_s / 2 if follows_stop else MAX_AHEAD_S
        told = (robot.joint_names, topics.joint_states, times.joint_states_s)
        self._joints = MeasuredJoints(*told, np.array(robot.velocity), ahead_s)
        self._held = HeldJoints(robot.joint_names, times.joint_states_s)
        self._reported, self._relief = ReportedArm(times.joint_states_s), Relief()
        self._tracking = TrackingMonitor(
            robot.joint_names, config.max_tracking_error_rad, times.tracking_error_s
        )
        self._limiter = TargetLimiter(limits, period_s, collisions, tool, slowing)
        stroke = robot.gripper.min_width, robot.gripper.max_width
        self._gripper = GripperGoal(*stroke, grip.hysteresis_m, grip.min_interval_s, topics.gripper_states)
        self._homing: HomingTrajectory | None = None
        self._lock = threading.Lock()
        self._sent_mono_ns = 0  # when the arm is at the last command
        self._stopped = ""  # why the arm or the way to it cannot be used
        self.unread_joints = self.unset = self._crowd = ""
        self.enable = EnableSwitch(config.enable, topics.enable)
        self._released = False  # the switch, during this hold
        self._settled_mono_ns = self._held_mono_ns = 0  # when a motion may begin; when the hold began
        self._announced = False  # the first command since the start was sent
        self._timeline = Timeline(period_s, times.transport_s) if follows_stop else Ticks(period_s)
        # Of what a late tick leaves to its command's way, half: the other half is for the tick's own work.
        self._way_ns = round(times.transport_s * NS_PER_S) // 2 if follows_stop else None
        self._before: tuple[Mark, int, int] | None = None  # what the last tick's command has changed
        self.overran = 0
        self._unsure = False  # whether the arm follows the last command
        self._period_ns, self._ros_offset_ns = round(period_s * NS_PER_S), 0
        self._sequence = itertools.count()

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

    def unready(self, mono_ns: int) -> str:
        """Why it could not be armed now, whatever the targets, or ''."""
        unfit = self._joints.unfit(mono_ns)
        problem = self._stopped or (unfit and (self.unread_joints or unfit))
        problem = problem or self._gripper.unfit() or self._crowd or self.unset
        return problem or self.enable.problem(mono_ns)

    def useless(self, mono_ns: int) -> str:
        """Which input comes and cannot be used, why, and how often; '' where there is none."""
        unread = self.unread_joints if self._joints.unfit(mono_ns) else ""
        return unread or self._joints.standing_still(mono_ns) or self._follower.source.refusing(mono_ns)

    # Inputs

    def offer_target(
        self, raw: RawTarget, now_ros_ns: int, now_mono_ns: int, mode: Mode | None = None
    ) -> bool:
        """Check ``raw``, a target of ``mode`` (default: the configured source's); returns whether it is accepted."""
        source = self._follower.own if mode is None else self.sources[mode]
        return source.offer(raw, now_ros_ns, now_mono_ns)

    def offer_joints(
        self, positions: Joints, mono_ns: int, stamp_ns: int = 0, arrived_ros_ns: int = 0
    ) -> None:
        """Take measured positions; see ``MeasuredJoints.offer``."""
        self._joints.offer(positions, mono_ns, stamp_ns, arrived_ros_ns)

    def offer_held(self, positions: Joints, mono_ns: int) -> None:
        """Take where the controller says it holds the arm [rad]."""
        self._held.offer(positions, mono_ns)

    def offer_report(self, stopped: str, mono_ns: int) -> None:
        """Take what the arm's control unit says: why the arm cannot move, or ''."""
        self._reported.offer(stopped, mono_ns)

    def report_state(self, mono_ns: int) -> str:
        """What is heard of the arm's control unit, for the diagnostics."""
        return self._reported.state(mono_ns)

    def offer_gripper(self, width: float) -> None:
        """Take the measured gripper width [m]."""
        self._gripper.measured(width)

    def count_publishers(self, publishers: Mapping[str, Sequence[str]]) -> None:
        """Take who publishes on each topic that only one may publish on: a second one while armed is a fault.

        Args:
            publishers: by topic, the names of the nodes; on the topics of the bridge's own output it is one of them.
        """
        crowds = (_crowd(topic, nodes) for topic, nodes in publishers.items() if len(nodes) > 1)
        before, self._crowd = self._crowd, next(crowds, "")
        if not self._crowd:
            return
        with self._lock:
            # Of a node just started, publishers are discovered one by one and its name after them: say it better then.
            known_better = self.machine.mode is Mode.FAULT and self.machine.reason == before
            if known_better or self.machine.mode in (*MOVING, Mode.HOLD):
                self.machine.fire(Event.FAILURE, self._crowd)

    # Operator services

    def arm(self, mono_ns: int) -> Answer:
        """Enter the mode of the configured source."""
        with self._lock:
            if problem := self._motion_refusal(mono_ns) or self._following_refusal(mono_ns):
                return Answer(False, f"not armed: {problem}")
            fresh_start, mode = self.machine.mode is Mode.DISARMED, self._follower.own.mode
            self.machine.fire(ARM[mode], "armed")
            if fresh_start:
                self._set_out(mono_ns)
            self._follower.restart(mono_ns)
            self._released = False
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
            self._released = False
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
                return Answer(False, f"not homing: home of {self._robot.name} lies outside its workspace")
            self.machine.fire(Event.HOME, "on the way home")
            start = self._limiter.state.position
            self._homing = HomingTrajectory(start, home, speed, self._settled_mono_ns)
            return Answer(True, f"homing, {self._homing.duration_s:.1f} s")

    def recover(self) -> Answer:
        """Leave a fault of the bridge, or while disarmed of the arm; then disarmed."""
        with self._lock:
            if problem := self.not_recoverable():
                return Answer(False, f"not recovered: {problem}")
            self.machine.fire(Event.DISARM, "recovered")
            return Answer(True, "recovered: disarmed")

    def not_recoverable(self) -> str:
        """Why ``recover`` would be refused, or ''."""
        if self.machine.mode is Mode.DISARMED and self._stopped:
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
        problem = self.unready(mono_ns)
        if self.machine.mode is Mode.DISARMED and not problem:  # on hold, the next command follows the last
            problem = self._joints.older_than(self._sent_mono_ns)
        problem = problem or self._joints.moving(mono_ns)
        return problem or self._held.contradicts(self._measured(), mono_ns)

    def _following_refusal(self, mono_ns: int) -> str:
        """Why the own source must not be followed, or ''; one that is silent has ``first_target_s`` to begin."""
        own = self._follower.own
        return "" if own.silent(mono_ns) else own.unfit(self._start(), mono_ns)

    def _takeover_refusal(self, mono_ns: int) -> str:
        """Why the operator must not take over, or ''."""
        operator = self.sources.get(Mode.TELEOP)
        if operator is None or operator is self._follower.own:
            return f"only a policy can be, armed is {self._follower.own.mode.value}"
        if self.machine.mode not in (Mode.POLICY, Mode.HOLD):
            return f"the bridge is {self.machine.mode.value}, not policy or hold"
        return self.enable.problem(mono_ns) or operator.unfit(self._limiter.state.position, mono_ns)

    def _give_back_refusal(self, mono_ns: int) -> str:
        """Why the policy must not be followed again, or ''."""
        own = self._follower.own
        if self.machine.mode is not Mode.TELEOP or self._follower.source is own:
            return f"the bridge is {self.machine.mode.value}, nothing was taken over"
        return own.unfit(self._limiter.state.position, mono_ns)

    def _set_out(self, mono_ns: int) -> None:
        """Begin at rest at the arm's position, after ``settle_s`` for the controller to take over there."""
        self._before, self._unsure = None, False
        self._limiter.reset(self._start())
        self._timeline.restart()
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

    def tick(self, end_ros_ns: int, mono_ns: int, ideal_mono_ns: int | None = None) -> Sent | None:
        """Run one period.

        Args:
            end_ros_ns: ROS time at which the tick ends, a period after its deadline.
            mono_ns: now, monotonic clock.
            ideal_mono_ns: the deadline of this tick, a multiple of the period from the others; now if not given.

        Returns:
            What to send; None if nothing.
        """
        with self._lock:
            ideal_mono_ns = mono_ns if ideal_mono_ns is None else ideal_mono_ns
            self._ros_offset_ns = end_ros_ns - self._period_ns - ideal_mono_ns
            self._before = self._limiter.mark(), self._timeline.due_mono_ns, self._sent_mono_ns
            self._stopped = self._poll_adapter(mono_ns) or self._reported.problem(mono_ns)
            taken, silence = self._take(), self._joints.take_silence()
            self._watch(mono_ns, silence)
            self._relief.watch(self.machine.mode is Mode.FAULT, *self._unrelieved(mono_ns))
            if self.machine.mode in MOVING and mono_ns < self._settled_mono_ns:
                return self._announce(mono_ns)
            quiet = self.machine.mode in (Mode.DISARMED, Mode.FAULT) and self._limiter.at_rest
            if quiet and not self._gives_way(mono_ns):
                return None
            passed_s = self._timeline.begin(mono_ns, ideal_mono_ns)
            if passed_s is None:
                return None
            if passed_s:
                self._limiter.follow_stop(passed_s)
            if self.machine.mode in FOLLOWING:
                return self._step_after(taken, mono_ns)
            return self._sent(self._step(self._own_reference(mono_ns)))

    def in_time(self, sent: Sent, mono_ns: int) -> bool:
        """Whether ``sent``, what the last tick returned, still reaches the arm before its step begins.

        A tick may lose its core, or Python's lock, after it has read the clock. Sent too late, its step would begin in
        the middle. So it is taken back: it was a missed tick, after which the arm is on its stop.

        Args:
            sent: to be published now.
            mono_ns: now, monotonic clock.
        """
        command = sent.command
        if not command.due_mono_ns:
            return True
        latest_ns = (
            command.due_mono_ns
        )  # of an arm that stays at the last command: else the next one comes at once
        if self._way_ns is not None:
            latest_ns -= round(command.duration_s * NS_PER_S) + self._way_ns
        if mono_ns <= latest_ns:
            return True
        with self._lock:
            self.overran += 1
            if self._before is not None:  # else an operator has set the arm out anew meanwhile
                mark, self._timeline.due_mono_ns, self._sent_mono_ns = self._before
                self._limiter.go_back(mark)
            if sent.gripper_goal is not None:
                self._gripper.take_back()
        return False

    def handed_over(self, sent: Sent, mono_ns: int) -> None:
        """Take note that ``sent`` was given to the middleware.

        A little late, the controller goes over to it at once. So late that it may have been dropped, by the middleware
        for its age or by the controller because it was over, nobody knows whether the arm is on it or on the stop
        before: nothing is sent until the arm, at rest on either of them, is set out anew.

        Args:
            sent: what the last tick returned.
            mono_ns: now, monotonic clock.
        """
        command = sent.command
        if self._way_ns is None or not command.due_mono_ns:
            return
        moves = command.stop.duration > 0 or np.any(command.state.position != command.start.position)
        late_ns = mono_ns - (command.due_mono_ns - round(command.duration_s * NS_PER_S))
        whole_ns = round((command.duration_s + command.stop.duration) * NS_PER_S)
        if not moves or late_ns <= min(whole_ns, DROPPED_NS):
            return
        with self._lock:
            why = f"a command was sent {late_ns / 1e6:.1f} ms after its step had begun: this process stood still"
            self.machine.fire(Event.FAILURE, why)
            self._unsure, self.overran = True, self.overran + 1
            self._limiter.rest()

    def fail(self, why: str) -> Sent:
        """Enter the fault because of ``why`` and brake for one tick; for a tick that raised."""
        with self._lock:
            self.machine.fire(Event.FAILURE, why)
            return self._sent(self._step(None))

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

    def _watch(self, mono_ns: int, silence: str) -> None:
        """Change the mode if an input is stale or fresh again, or the arm does not follow."""
        mode, source = self.machine.mode, self._follower.source
        if mode not in (*MOVING, Mode.HOLD):
            return
        if (problem := self._stopped or silence or self._joints.doubt(mono_ns)) or (
            problem := self._joints.stale(mono_ns) or self._tracking_error(mono_ns)
        ):
            self.machine.fire(Event.FAILURE, problem)
        elif problem := self.enable.problem(mono_ns):
            self._release(problem, mono_ns)
        elif mode in FOLLOWING and (problem := source.late(mono_ns)):
            self._hold(Event.TARGETS_LATE, problem, mono_ns)
        elif mode in FOLLOWING and (problem := source.stale(mono_ns)):
            self._hold(Event.OBSERVATIONS_STALE, problem, mono_ns)
        elif mode is Mode.HOLD and not source.late(mono_ns) and self._may_resume(mono_ns):
            self.machine.fire(RESUME[source.mode], "targets came back")

    def _tracking_error(self, mono_ns: int) -> str:
        """Why the arm does not follow its commands, or ''."""
        return self._tracking.problem(self._limiter.state.position, self._measured(), mono_ns)

    def _unrelieved(self, mono_ns: int) -> tuple[str, str]:
        """Why joint states may not be the arm's, and why the arm cannot give way now; each may be ''."""
        if self.machine.mode is not Mode.FAULT:
            return "", ""
        joints, command = self._joints, self._limiter.state.position
        hindrance = self._stopped or joints.stale(mono_ns) or joints.frozen(mono_ns)
        return joints.doubt(mono_ns) or self._crowd, hindrance or self._held.contradicts(command, mono_ns)

    def _gives_way(self, mono_ns: int) -> bool:
        """Whether the arm, at rest in a fault, gives way to what it presses against."""
        if self.machine.mode is not Mode.FAULT or self._joints.position is None or self._unsure:
            return False
        moving = self._joints.moving(mono_ns)
        return self._relief.wanted(self._limiter.state.position, self._joints.position, moving, mono_ns)

    def _hold(self, event: Event, problem: str, mono_ns: int) -> None:
        self.machine.fire(event, problem)
        self._held_mono_ns = mono_ns

    def _release(self, problem: str, mono_ns: int) -> None:
        """Brake because of the enable switch, and stay so until an operator acts; said once in each hold."""
        if self.machine.mode is not Mode.HOLD or not self._released:
            self._hold(Event.RELEASED, problem, mono_ns)
        self._released = True

    def _may_resume(self, mono_ns: int) -> bool:
        soon = mono_ns - self._held_mono_ns <= self._config.timeouts.resume_s * NS_PER_S
        source, stands_at = self._follower.source, self._limiter.state.position
        near = source.newest is not None and not source.start_error(source.newest, stands_at)
        return not self._released and soon and near and not source.stale(mono_ns)

    def _announce(self, mono_ns: int) -> Sent | None:
        """The first command after arming: the arm's own position, due in ``settle_s``; then None."""
        if self._announced:
            return None
        self._announced = True
        command = self._limiter.command(self._config.timeouts.settle_s)
        return replace(self._sent(command), due_ros_ns=self._settled_mono_ns + self._ros_offset_ns)

    def _step_after(self, taken: Target | None, mono_ns: int) -> Sent:
        """One step along the followed source's targets; ``taken`` is the one received for this tick."""
        # What an arm is told ahead it does that much later: targets are not extrapolated further for it.
        late_ns = self._timeline.delay_ns - self._period_ns
        due_ros_ns = self._timeline.due_mono_ns + self._period_ns - late_ns + self._ros_offset_ns
        sent = self._sent(self._step(self._follower.reference(due_ros_ns)))
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
        if self.machine.mode is Mode.FAULT:
            return self._relief.reference(self._limiter.state.position, mono_ns)
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
        return replace(command, due_mono_ns=self._timeline.end(), ros_offset_ns=self._ros_offset_ns)

    def _sent(self, command: Command) -> Sent:
        """The output for ``command`` without a followed target."""
        self._sent_mono_ns = command.due_mono_ns
        number, mode = next(self._sequence), self.machine.mode.value
        due_ros_ns = command.due_mono_ns + command.ros_offset_ns
        return Sent(command, due_ros_ns, number, self._gripper.width, None, mode)


def _crowd(topic: str, nodes: Sequence[str]) -> str:
    return f"{len(nodes)} publishers on {topic}, at most 1 expected: {', '.join(sorted(nodes))}"
