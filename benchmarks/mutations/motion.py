"""Guards of when a motion may begin, and of what the arm executes whenever ticks come (docs/bridge.md)."""

from __future__ import annotations

from dataclasses import replace as changed

import numpy as np
from f2o_control.adapters.jtc import JtcAdapter
from f2o_control.braking import StopPlan
from f2o_control.bridge import Bridge
from f2o_control.collision import CollisionModel
from f2o_control.gripper import GripperGoal
from f2o_control.limiter import TargetLimiter
from f2o_control.measured import HeldJoints, MeasuredJoints, ReportedArm, TrackingMonitor
from f2o_control.reference import Reference
from f2o_control.relief import Relief
from f2o_control.slowing import Slowing
from f2o_control.state import Mode
from f2o_control.target import TargetCheck
from f2o_control.testing import violations
from f2o_control.testing.executed import WHOLE, TimedBridge, swing
from f2o_control.testing.forward import tool
from f2o_control.testing.rig import Rig, S
from f2o_control.timeline import Timeline
from f2o_control.tool_speed import ToolSpeed

from benchmarks.mutations.bridge import GuardCase, armed, ends_in, replace

ALL = tuple(range(7))
NOTHING = lambda *_: ""  # noqa: E731
ALONE = replace(Bridge, "count_publishers", lambda *_: None)
CLOCK = replace(MeasuredJoints, "_of_another_clock", NOTHING)
NEAR_M_S = 0.105  # of a tool 10 mm over the table
TRAJECTORY, JOINTS = "/joint_trajectory_controller/joint_trajectory", "/franka/joint_states"


def executed(robot, **when):
    """Limits of the arm that its set-points break, once a millisecond."""
    run = TimedBridge(robot, swing(robot, 1.0, ALL), **when).run(2.0)
    return violations(run.positions, robot.name, period=0.001, scale=WHOLE)


def late(by_s, every=20):
    """One tick in ``every`` comes late."""
    return lambda robot: executed(robot, late_s=lambda k: by_s * (k % every == 0))


def missed(count):
    """So many ticks do not come."""
    return lambda robot: executed(robot, late_s=lambda k: None if 150 <= k < 150 + count else 0.0)


# when a motion may begin


def arms(problem):
    """The bridge must refuse to arm where ``problem(rig)`` has happened, and not otherwise."""

    def scenario(robot):
        rig = Rig(robot)
        rig.run(0.3)
        problem(rig)
        return ["armed"] if rig.bridge.arm(rig.mono_ns).accepted else []

    return scenario


def faults(problem):
    """A bridge that is armed must go into fault where ``problem(rig)`` happens."""

    def scenario(robot):
        rig = armed(robot)
        problem(rig)
        rig.tick()
        return ends_in(rig, Mode.FAULT)

    return scenario


def bag_plays(rig):
    """Joint states of yesterday."""
    now = rig.mono_ns
    rig.bridge.offer_joints(rig.arm_at + 0.005, now, now - 86400 * S, now)


def somebody_else(rig):
    """Joint states of another arm."""
    rig.bridge.offer_joints(rig.arm_at + 0.6, rig.mono_ns)
    rig.bridge.offer_joints(rig.arm_at, rig.mono_ns)


def pushed(rig):
    """A hand pushes the arm."""
    for _ in range(10):
        rig.arm_at = rig.arm_at + 0.004
        rig.tick()


def frozen(robot):
    """Joint states that freeze, with new stamps, while the commands swing by less than the tracking error."""
    rig = armed(robot)
    stood = rig.arm_at.copy()
    rig.targets = rig.follows = False
    for tick in range(200):
        q, v = stood.copy(), np.zeros(7)
        phase = 0.02 * tick
        q[0] += 0.12 * np.sin(phase)
        v[0] = 0.12 * 0.02 / 0.008 * np.cos(phase)
        rig.target(positions=[*q], velocities=[*v])
        rig.tick()
    return ends_in(rig, Mode.FAULT)


def held_elsewhere(rig):
    """The controller holds another place than joint states say."""
    rig.bridge.offer_held(rig.arm_at + 0.2, rig.mono_ns)


def unmeasured_since(robot):
    """The bridge must not arm where joint states ceased before the arm came to rest."""
    rig = armed(robot)
    rig.states = False
    rig.bridge.disarm()
    while rig.tick() is not None:
        pass
    rig.mono_ns += S // 8  # those from before the stop are no motion any more
    return ["armed"] if rig.bridge.arm(rig.mono_ns).accepted else []


def reflex(rig):
    """The arm says that it stopped."""
    rig.bridge.offer_report("the arm stopped by itself: cartesian_reflex", rig.mono_ns)


def stopped(rig):
    """It did, and the bridge has heard of it."""
    reflex(rig)
    rig.tick()


def no_thresholds(rig):
    """The arm was not told its thresholds of contact."""
    rig.bridge.unset = "the arm's thresholds of contact: being set"


def two_on(topic):
    return lambda rig: rig.bridge.count_publishers({topic: ["/bridge_node", "/other"]})


def held_back(robot, spoil=lambda rig: None, noise=1e-5):
    """How far [rad] the last command is from an arm that something holds 0.05 rad away, after a fault."""
    rig, random = armed(robot, 0.5), np.random.default_rng(1)
    rig.targets = rig.follows = False
    rig.run(0.5)
    held = rig.commands[-1] - 0.05 * np.eye(7)[0]
    for tick in range(200):
        rig.arm_at = held + noise * random.standard_normal(7)
        if tick == 50:
            reflex(rig)
        if tick > 50:
            spoil(rig)
        rig.tick()
    return ends_in(rig, Mode.FAULT), np.abs(rig.commands[-1] - held).max()


def presses(robot):
    """A fault, and an arm that its command pushes against something."""
    wrong, away = held_back(robot)
    return wrong + (["it is pushed on"] if away > 0.01 else [])


def gone(to):
    """A fault in which joint states are not to be believed: nothing may move."""

    def scenario(robot):
        wrong, away = to(robot)
        return wrong + (["it went where joint states are wrong"] if away < 0.04 else [])

    return scenario


def frozen_arm(robot):
    """Joint states never change."""
    return held_back(robot, noise=0.0)


def doubted_arm(robot):
    """Joint states jumped."""
    said = []

    def jump(rig):
        if not said:
            said.append(rig.bridge.offer_joints(rig.arm_at + 0.6, rig.mono_ns))

    return held_back(robot, jump)


def wrong_width(rig):
    rig.bridge.offer_gripper(0.5)


def jumping(away):
    """Targets that jump: the arm must not go there, and the bridge must hold."""

    def scenario(robot):
        rig = armed(robot)
        rig.targets = False
        far = rig.home.copy()
        far[0] += away
        for _ in range(40):
            rig.target(positions=[*far])
            rig.tick()
        return ends_in(rig, Mode.HOLD)

    return scenario


def gripper_of_nobody(robot):
    """No width was measured: no goal."""
    goal = GripperGoal(0.0, 0.08, 0.002, 0.1)
    goal.request(0.0)
    return [] if goal.due(S) is None else ["a goal for a gripper of which nothing is known"]


def gripper_unasked(robot):
    """The first request is what was measured: no goal."""
    goal = GripperGoal(0.0, 0.08, 0.002, 0.1)
    goal.measured(0.031)
    goal.request(0.0312)
    return [] if goal.due(S) is None else ["a goal that nobody asked for"]


def too_fast(robot):
    """A cautious motion of all joints, of which no single one is fast."""
    speed = ToolSpeed(robot.workspace, 0.25, 0.008)
    limiter = TargetLimiter(robot.limits("cautious"), 0.008, None, speed)
    limiter.reset(np.array(robot.home))
    far = Reference(np.array(robot.home) + 0.4, np.zeros(7))
    places = [tool(limiter.step(far, limiter.state.position)[0].state.position) for _ in range(200)]
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / 0.008
    return ["the tool is faster than 0.25 m/s"] if speeds.max() > 0.25 else []


def into_the_table(robot):
    """The arm leans forward until the tool is at the table; how fast it is there."""
    limits, model = robot.limits(), CollisionModel(robot.workspace)
    speed = ToolSpeed(robot.workspace, 5.0, 0.008)
    limiter = TargetLimiter(limits, 0.008, model, speed, Slowing(limits, speed, model))
    limiter.reset(np.array(robot.home))
    near, lean = [], np.array([0.0, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0])
    for tick in range(250):
        before = limiter.state.position
        limiter.step(Reference(np.array(robot.home) + lean * 0.008 * tick, lean), before)
        if -model.penetration(limiter.state.position) < 0.01:
            near.append((tool(before) - tool(limiter.state.position))[2] / 0.008)
    return ["fast at the table"] if max(near) > NEAR_M_S else []


# removals


def pause(robot):
    """The process stands still for 3 s; what is newest is read before its first tick."""
    rig = armed(robot)
    rig.mono_ns += 3 * S
    rig.tick()
    return ends_in(rig, Mode.FAULT)


def unchecked(patch):
    """Commands are sent whenever they are ready."""
    patch.setattr(Bridge, "in_time", lambda *_: True)
    patch.setattr(Bridge, "handed_over", lambda *_: None)


def no_transport(patch):
    patch.setattr(Timeline, "_periods_ns", lambda self, late_ns: self._period_ns)
    unchecked(patch)  # else such a step is kept back


def on_reception(patch):
    send = JtcAdapter.send

    def bare(self, command, width):
        plan = send(self, command, width)
        if not plan.start_ros_ns:
            return plan
        first = int(
            np.flatnonzero(plan.times_ns + plan.start_ros_ns >= command.due_mono_ns + command.ros_offset_ns)[
                0
            ]
        )
        times = plan.times_ns[first:] - plan.times_ns[first] + 8_000_000
        return changed(
            plan,
            start_ros_ns=0,
            times_ns=times,
            positions=plan.positions[first:],
            velocities=plan.velocities[first:],
        )

    patch.setattr(JtcAdapter, "send", bare)


def coarse_stop(patch):
    patch.setattr(StopPlan, "knots", property(lambda self: np.array([0.0, self.duration])))


def undoubting(self, in_fault, doubt, hindrance, watch=Relief.watch):
    watch(self, in_fault, "", hindrance)


def joints_alone(self, mono_ns):
    return self._joints.unfit(mono_ns)


def any_posture(patch):
    patch.setattr(MeasuredJoints, "_jump", NOTHING)
    patch.setattr(MeasuredJoints, "moving", NOTHING)  # it would see it, too


def unasked(patch):
    due = GripperGoal.due

    def always(self, mono_ns):
        self._measured = 1.0 if self._measured is None else self._measured + 1.0
        return due(self, mono_ns)

    patch.setattr(GripperGoal, "due", always)


MOTION = [
    GuardCase("a late tick begins later", no_transport, late(0.02)),
    GuardCase("what is executed is not spliced", on_reception, late(0.004, 50)),
    GuardCase(
        "a command that comes too late is taken back",
        unchecked,
        lambda robot: executed(robot, work_s=lambda k: 0.012 * (k % 20 == 0)),
    ),
    GuardCase(
        "a pause of the process ends the motion", replace(MeasuredJoints, "take_silence", NOTHING), pause
    ),
    GuardCase(
        "after a command of which nothing is known, nothing is sent",
        replace(Bridge, "handed_over", lambda *_: None),
        lambda robot: executed(robot, send_s=lambda k: 0.5 * (k == 160)),
    ),
    GuardCase(
        "what is taken back was not done",
        replace(TargetLimiter, "go_back", lambda *_: None),
        lambda robot: executed(robot, work_s=lambda k: 0.012 * (k % 20 == 0)),
    ),
    GuardCase(
        "the limiter goes on from the stop", replace(TargetLimiter, "follow_stop", lambda *_: None), missed(5)
    ),
    GuardCase("nor after one tick", replace(TargetLimiter, "follow_stop", lambda *_: None), missed(1)),
    GuardCase("the stop's points are where its jerk changes", coarse_stop, missed(5)),
    GuardCase(
        "no joint states of another clock",
        CLOCK,
        arms(bag_plays),
    ),
    GuardCase("nor when armed", CLOCK, faults(bag_plays)),
    GuardCase("no joint states of two arms", any_posture, arms(somebody_else)),
    GuardCase("nor of two when armed", replace(MeasuredJoints, "_jump", NOTHING), faults(somebody_else)),
    GuardCase("joint states do not freeze", replace(TrackingMonitor, "_standing", NOTHING), frozen),
    GuardCase("what the controller holds", replace(HeldJoints, "contradicts", NOTHING), arms(held_elsewhere)),
    GuardCase("measured after it moved", replace(MeasuredJoints, "older_than", NOTHING), unmeasured_since),
    GuardCase("the arm stands still", replace(MeasuredJoints, "moving", NOTHING), arms(pushed)),
    GuardCase(
        "one publisher of joint states",
        ALONE,
        arms(two_on(JOINTS)),
    ),
    GuardCase("what the arm says of itself", replace(ReportedArm, "problem", NOTHING), arms(stopped)),
    GuardCase("what it says when armed", replace(ReportedArm, "problem", NOTHING), faults(reflex)),
    GuardCase("thresholds of contact first", replace(Bridge, "unready", joints_alone), arms(no_thresholds)),
    GuardCase("a fault does not keep pushing", replace(Relief, "wanted", lambda *_: False), presses),
    GuardCase(
        "nor goes where joint states froze", replace(MeasuredJoints, "frozen", NOTHING), gone(frozen_arm)
    ),
    GuardCase("nor where another arm is", replace(Relief, "watch", undoubting), gone(doubted_arm)),
    GuardCase("one bridge", ALONE, arms(two_on(TRAJECTORY))),
    GuardCase(
        "one bridge when armed",
        ALONE,
        faults(two_on(TRAJECTORY)),
    ),
    GuardCase("the gripper's width is one", replace(GripperGoal, "unfit", NOTHING), arms(wrong_width)),
    GuardCase("no target jumps", replace(TargetCheck, "_out_of_reach", lambda *_: None), jumping(2.0)),
    GuardCase("nor out of range", replace(TargetCheck, "_out_of_reach", lambda *_: None), jumping(2 * np.pi)),
    GuardCase("no tool faster than its profile", replace(ToolSpeed, "exceeded", lambda *_: False), too_fast),
    GuardCase("slow towards a border", replace(Slowing, "share", lambda *_: 1.0), into_the_table),
    GuardCase("no goal before a width is known", unasked, gripper_of_nobody),
    GuardCase("no goal that nobody asked for", unasked, gripper_unasked),
]
