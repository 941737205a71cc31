"""Every guard of bridge and receiver: how it is taken away, and a scenario that only it keeps safe.

A scenario returns what went wrong, as sentences; with every guard in place it returns nothing. Where two layers guard
the same thing, each is tried with the other taken away by the scenario itself.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from f2o_control.adapters import TrajectoryPlan, UdpRules, make_adapter
from f2o_control.bridge import Bridge
from f2o_control.collision import CollisionModel
from f2o_control.guard import Guard
from f2o_control.limiter import TargetLimiter, Verdict
from f2o_control.loop import Loop
from f2o_control.measured import MeasuredJoints, TrackingMonitor
from f2o_control.reference import PathTimeScaling, Reference, ReferenceTrack
from f2o_control.sources import CommandSource
from f2o_control.staleness import ObservationStaleness, StampOrder
from f2o_control.state import TABLE, Event, Mode
from f2o_control.target import TargetCheck
from f2o_control.testing import violations
from f2o_control.testing.forward import tool
from f2o_control.testing.rig import Rig, S
from f2o_nodekit.pace import Tick

YES, NO = np.full(7, True), np.full(7, False)


@dataclass(frozen=True)
class GuardCase:
    """One guard; ``remove`` gets pytest's monkeypatch, ``scenario`` the robot."""

    name: str
    remove: Callable
    scenario: Callable


def replace(owner, name, value):
    """A removal: put ``value`` where the guard was."""
    return lambda patch: patch.setattr(owner, name, value)


def armed(robot, seconds=1.0, **config):
    """A bridge that follows a policy, joint 1 at 0.2 rad/s."""
    rig = Rig(robot, **config)
    rig.run(0.1)
    assert rig.arm().accepted
    rig.run(seconds)
    return rig


def ends_in(rig, mode):
    """The bridge must be in ``mode``, and have left no limit on the way there."""
    wrong = [] if rig.bridge.mode is mode else [f"it is {rig.bridge.mode.value}, not {mode.value}"]
    return wrong + (violations(rig.commands) if rig.commands else [])


# what must hold of targets


def nan_targets(robot):
    rig = armed(robot)
    rig.targets = False
    for _ in range(20):
        rig.target(positions=[np.nan] * 7)
        rig.tick()
    return ends_in(rig, Mode.HOLD)


def strange_targets(**changes):
    """Targets that are none must not keep the bridge going."""

    def scenario(robot):
        rig = armed(robot)
        rig.targets = False
        for _ in range(20):
            rig.target(**changes)
            rig.tick()
        return ends_in(rig, Mode.HOLD)

    return scenario


def old_targets(robot):
    """A source that is late from the first target on."""
    rig = Rig(robot)
    rig.targets = False
    rig.run(0.1)
    rig.arm()
    for _ in range(150):
        rig.target(due_ros_ns=rig.mono_ns + rig.ros_offset_ns - 3 * S // 10)
        rig.tick()
    return ends_in(rig, Mode.HOLD)


def far_ahead_targets(robot):
    rig = armed(robot)
    rig.targets = False
    for k in range(20):
        rig.target(due_ros_ns=rig.mono_ns + rig.ros_offset_ns + 5 * S + k)
        rig.tick()
    return ends_in(rig, Mode.HOLD)


def reversed_targets(robot):
    """Behind every target comes one of 40 ms before: the arm must keep to the newest."""
    rig = armed(robot)
    newest = rig.target

    def both(**changes):
        newest()
        was = rig.home.copy()
        was[0] += rig.shift - 0.04
        return newest(due_ros_ns=rig.mono_ns + rig.ros_offset_ns - S // 25, positions=[*was])

    rig.target = both
    rig.run(0.4)
    off = abs(rig.arm_at[0] - rig.home[0] - rig.shift)
    return [] if off < 3e-3 else [f"{off:.4f} rad off the newest target"]


def permuted_targets(robot):
    """Names in another order mean the same posture."""
    rig = Rig(robot)
    order = [3, 1, 0, 2, 6, 5, 4]

    def target(**changes):
        q, names = rig.home, rig.names
        return type(rig).target(
            rig, names=tuple(names[k] for k in order), positions=[q[k] for k in order], velocities=[]
        )

    rig.target = target
    rig.run(0.1)
    rig.arm()
    rig.run(0.8)
    away = float(np.abs(rig.arm_at - rig.home).max())
    return (
        [] if rig.bridge.mode is Mode.POLICY and away < 1e-3 else [f"{rig.bridge.mode}: {away:.3f} rad away"]
    )


def far_first_target(robot):
    rig = Rig(robot)
    rig.targets = False
    rig.run(0.1)
    rig.arm()
    rig.shift, rig.targets = 0.6, True
    rig.run(0.4)
    return ends_in(rig, Mode.FAULT)


def far_when_arming(robot):
    rig = Rig(robot)
    rig.shift = 0.6
    rig.run(0.1)
    return ["armed with a target 0.6 rad away"] if rig.arm().accepted else []


# what must hold of the world


def silent_joints(robot):
    rig = armed(robot)
    rig.states = False
    rig.run(0.3)
    return ends_in(rig, Mode.FAULT)


def nan_joints(robot):
    rig = armed(robot)
    rig.states = False
    for _ in range(28):  # soon after that it would be an arm that does not follow
        rig.bridge.offer_joints(np.full(7, np.nan), rig.mono_ns)
        rig.tick()
    return ends_in(rig, Mode.FAULT)


def shuffled_joints(robot):
    """An old joint state after a new one does not bound the command by where the arm was."""
    rig = armed(robot)
    rig.bridge.offer_joints(rig.arm_at, rig.mono_ns, 20 * S)
    rig.bridge.offer_joints(rig.arm_at - 1.0, rig.mono_ns, 20 * S - S // 100)
    measured = rig.bridge._joints.position
    same = measured is not None and np.array_equal(measured, rig.arm_at)
    return [] if same else ["an older state replaced the newest"]


def blind_policy(robot):
    """Its targets no longer say what they were made from."""
    rig = armed(robot)
    rig.observation_ros_ns = rig.mono_ns + rig.ros_offset_ns
    rig.tick()
    rig.observation_ros_ns = 0
    rig.run(0.6)
    return ends_in(rig, Mode.HOLD)


def frozen_camera(robot):
    rig = armed(robot)
    rig.observation_ros_ns = rig.mono_ns + rig.ros_offset_ns
    rig.run(0.48)
    rig.observation_ros_ns -= 1  # still young enough, and no news
    rig.run(0.1)
    return ends_in(rig, Mode.HOLD)


def lagging_policy(robot):
    rig = armed(robot)
    for _ in range(70):
        rig.observation_ros_ns = rig.mono_ns + rig.ros_offset_ns - S
        rig.tick()
    return ends_in(rig, Mode.HOLD)


def adapter_gone(robot):
    rig = armed(robot)
    rig.adapter_problem = "receiver: no answer"
    rig.run(0.1)
    return ends_in(rig, Mode.FAULT)


def standing_arm(robot):
    rig = armed(robot)
    rig.follows = False
    rig.run(2.0)
    return ends_in(rig, Mode.FAULT)


def leading_command(robot):
    """However far the targets go, the command stays near an arm that stands."""
    rig = armed(robot)
    rig.bridge._tracking = TrackingMonitor(robot.joint_names, 1e9, 1e3)  # the other guard of the same
    rig.follows = False
    rig.run(3.0)
    lead = max(float(np.abs(command - rig.arm_at).max()) for command in rig.commands[-100:])
    return [] if lead <= robot.max_lead + 1e-6 else [f"the command is {lead:.2f} rad ahead"]


def second_publisher(robot):
    rig = armed(robot)
    rig.publish("/f2o/joint_target", ["/a", "/b"])
    rig.run(0.1)
    return ends_in(rig, Mode.FAULT)


def armed_with_two(robot):
    rig = Rig(robot)
    rig.run(0.1)
    return ["armed with two publishers"] if rig.arm(["/a", "/b"]).accepted else []


def armed_blind(robot):
    """What is known of the arm is old."""
    rig = Rig(robot)
    rig.run(0.1)
    rig.states = False
    rig.run(0.8)
    return ["armed with joint states of 0.8 s ago"] if rig.arm().accepted else []


def curve(home, phase):
    """A path of several joints whose shape tells where one joint ran ahead of another; out and back in 2 pi."""
    s = (1 - np.cos(phase)) / 2
    return home + np.array([1.5, 0.6, 0.0, -0.3, 0.5, 0.0, 0.6]) * np.array([s, s**2, 0, s**2, s, 0, s**3])


def too_fast(robot, until):
    """A bridge whose targets go along ``curve`` at 1.1 times what the velocity limits allow, up to a phase."""
    rig = Rig(robot, guard_workspace=False)
    rig.run(0.1)
    assert rig.arm().accepted
    rig.targets, step = False, 2 * np.pi * 0.008 / 4.0
    for k in [0] * 60 + [*range(round(until / step))]:  # at first it settles
        velocity = (curve(rig.home, (k + 1) * step) - curve(rig.home, (k - 1) * step)) / 0.016
        rig.target(positions=[*curve(rig.home, k * step)], velocities=[*velocity])
        rig.tick()
    return rig


def too_fast_targets(robot):
    """The arm is late, but on the path of the targets."""
    rig = too_fast(robot, np.pi)
    path = np.array([curve(rig.home, phase) for phase in np.linspace(0, np.pi, 3000)])
    aside = max(np.linalg.norm(path - command, axis=1).min() for command in rig.commands)
    return ends_in(rig, Mode.POLICY) + ([f"{1e3 * aside:.1f} mrad aside"] if aside > 2e-3 else [])


# when targets are missing


def missing_targets_of_an_arm_that_is_late(robot):
    """What is left of the path is no reason to brake later."""
    rig = too_fast(robot, np.pi / 2)
    assert rig.bridge._follower._scaling.lag_s > 0.02
    before = rig.speed
    for _ in range(4):
        rig.tick()
    return [] if rig.speed < before - 1e-3 else ["no braking 24 ms after the first missing target"]


def missing_targets(robot):
    """Braking begins 24 ms after the first missing target at the latest."""
    rig = armed(robot)
    rig.targets, before = False, rig.speed
    for _ in range(4):  # the first of these is missed by the tick that should have had it
        rig.tick()
    return [] if rig.speed < before - 1e-3 else ["no braking 24 ms after the first missing target"]


def silent_source(robot):
    rig = armed(robot)
    rig.targets = False
    rig.run(0.3)
    return ends_in(rig, Mode.HOLD)


def late_return(robot):
    rig = armed(robot)
    rig.targets = False
    rig.run(2.0)
    rig.targets = True
    rig.run(0.3)
    return ends_in(rig, Mode.HOLD)


def fault_is_left(robot):
    """All is well again after a fault: it needs a person all the same."""
    rig = armed(robot)
    rig.states = False
    rig.run(0.8)
    rig.states = True
    rig.run(0.3)
    rig.arm()
    rig.run(0.1)
    return ends_in(rig, Mode.FAULT)


def failing_tick(robot):
    """What raises within a tick ends in a fault, not in a loop that is gone."""

    def failing(sent, in_time):
        raise ZeroDivisionError

    rig = armed(robot)
    loop = Loop(rig.bridge, 125.0, 0.0, 0, lambda: 0, failing, lambda mode: None)
    loop.step(Tick(1, rig.mono_ns, 0, 0))
    return [] if rig.bridge.mode is Mode.FAULT else ["nobody was told"]


def trajectory_ends(robot):
    """Left alone with the last trajectory, the arm comes to rest inside its own limits."""
    rig = armed(robot)
    command = dataclasses.replace(rig.sent[-1].command, due_mono_ns=S)
    plan = make_adapter("jtc", robot, UdpRules()).send(command, 0.05)
    assert isinstance(plan, TrajectoryPlan) and plan.velocities is not None
    steps = np.abs(np.diff(plan.velocities, axis=0)) / (np.diff(plan.times_ns)[:, None] / S)
    hard = len(steps) == 0 or (steps > np.array(robot.acceleration)).any()
    return ["it stops at once or not at all"] if hard or plan.velocities[-1].any() else []


# limits, each with the other of the two layers taken away


SHAKEN, PUSHED = (0.8, 50), (-3.5, 1000)  # how far away the goal is [rad], and for how many ticks


def rogue(limiter, far, ticks):
    """Goals far away, now on this side and now on that, and what the limiter makes of them."""
    out = [limiter.state.position]
    for tick in range(150):
        goal = out[0] + far * (1 if tick % (2 * ticks) < ticks else -1)
        limiter.step(Reference(goal, np.zeros(7)), limiter.state.position)
        out.append(limiter.state.position)
    return out


def unguarded(attack):
    """The limiter proper, without the guard behind it."""

    def scenario(robot):
        limiter = TargetLimiter(robot.limits(), 0.008)
        limiter.reset(np.array(robot.home))
        limiter._guard._unsafe = lambda last, proposed, lower, upper: NO
        return violations(rogue(limiter, *attack), robot.name)

    return scenario


def guarded(what, attack):
    """The guard alone, behind a limiter that does not know the limit of ``what``."""

    def scenario(robot):
        limiter = TargetLimiter(robot.limits(), 0.008)
        limiter.reset(np.array(robot.home))
        strip(limiter, what)
        return violations(rogue(limiter, *attack), robot.name)

    return scenario


def strip(limiter, what):
    """Take one limit from a limiter."""
    if what == "position":
        limiter._legal = lambda reference, lower, upper: (reference, Verdict.NONE)
    elif what == "velocity":
        limiter._bounds = lambda: (np.full(7, 50.0), np.full(7, 50.0))
    elif what == "acceleration":
        limiter._input.max_acceleration = [500.0] * 7
    else:
        limiter._input.max_jerk = [1e6] * 7


def without(what):
    """Removal of one limit from every limiter."""

    def remove(patch):
        init = TargetLimiter.__init__

        def bare(self, *given):
            init(self, *given)
            strip(self, what)

        patch.setattr(TargetLimiter, "__init__", bare)

    return remove


def unsmooth(key):
    """Removal of one of the guard's limits on differences."""

    def remove(patch):
        init = Guard.__init__

        def bare(self, limits, *given):
            init(self, dataclasses.replace(limits, **{key: 100 * getattr(limits, key)}), *given)

        patch.setattr(Guard, "__init__", bare)

    return remove


# places


def reach(robot, joints, **workspace):
    """Let the limiter go for ``joints`` (index to rad); the postures on the way."""
    robot = dataclasses.replace(robot, workspace=dataclasses.replace(robot.workspace, **workspace))
    limiter, goal = (
        TargetLimiter(robot.limits(), 0.008, CollisionModel(robot.workspace)),
        np.array(robot.home),
    )
    limiter.reset(goal.copy())
    for joint, value in joints.items():
        goal[joint] = value
    out = []
    for _ in range(300):
        limiter.step(Reference(goal, np.zeros(7)), limiter.state.position)
        out.append(limiter.state.position)
    return out


ANYWHERE = {"lower": (-2.0, -2.0, -2.0), "upper": (2.0, 2.0, 2.0)}


def out_of_the_box(robot):
    tools, box = np.array([tool(q) for q in reach(robot, {0: 1.5, 1: 0.6}, tool=())]), robot.workspace
    inside = (tools >= np.array(box.lower) - 1e-3) & (tools <= np.array(box.upper) + 1e-3)
    return [] if inside.all() else ["the tool left its box"]


def into_the_table(robot):
    lowest = min(tool(q)[2] for q in reach(robot, {1: 1.2, 3: -1.4}, **ANYWHERE))
    return [] if lowest > -0.06 else [f"the tool is {-lowest:.2f} m below the table"]


def into_itself(robot):
    """The hand is not to reach the column of the arm."""
    tools = [tool(q) for q in reach(robot, {1: 0.0, 3: -3.0, 5: 0.6}, **ANYWHERE)]
    nearest = min(float(np.hypot(x, y)) for x, y, _ in tools)
    return [] if nearest > 0.1 else [f"the tool is {nearest:.2f} m from the arm's own axis"]


def any_source(patch):
    init = TargetCheck.__init__

    def bare(self, *given):
        init(self, *given)
        self._sources = ("policy", "teleop", "expert", "replay")

    patch.setattr(TargetCheck, "__init__", bare)


def wide(key):
    """Removal of one of the rules about due times."""

    def remove(patch):
        init = TargetCheck.__init__

        def bare(self, *given):
            init(self, *given)
            setattr(self, key, 1e9)

        patch.setattr(TargetCheck, "__init__", bare)

    return remove


def any_age(patch):
    init = ObservationStaleness.__init__

    def bare(self, topic, limit_s):
        init(self, topic, limit_s)
        self._limit_ns = 1e18

    patch.setattr(ObservationStaleness, "__init__", bare)


def any_order_of_stamps(patch):
    admit = TargetCheck.admit

    def bare(self, *given):
        self.restart()
        return admit(self, *given)

    patch.setattr(TargetCheck, "admit", bare)


def any_names(patch):
    """By place instead of by name."""

    def bare(self, raw):
        self._order = (raw.names, list(range(7)))

    patch.setattr(TargetCheck, "_names_wrong", bare)
    patch.setattr(TargetCheck, "_out_of_reach", lambda *_: None)  # it would see most of it, too


def any_numbers(patch):
    patch.setattr(TargetCheck, "_numbers_wrong", lambda *_: None)
    patch.setattr(TargetCheck, "_out_of_reach", lambda *_: None)  # it would see it, too


def any_joints(patch):
    patch.setattr(
        MeasuredJoints,
        "offer",
        lambda self, positions, mono_ns, *_: self._newest.put((positions, mono_ns)),
    )


def no_adapter_watch(patch):
    watch = Bridge._watch

    def bare(self, mono_ns, silence):
        self._stopped = ""
        watch(self, mono_ns, silence)

    patch.setattr(Bridge, "_watch", bare)


def any_lead(patch):
    patch.setattr(TargetLimiter, "_window", lambda self, measured: (self._limits.lower, self._limits.upper))


def no_reach(patch):
    init = ReferenceTrack.__init__
    patch.setattr(ReferenceTrack, "__init__", lambda self, max_extrapolation_s: init(self, 1e9))


def fault_may_be_left(patch):
    patch.setitem(TABLE, (Mode.FAULT, Event.ARM_POLICY), Mode.POLICY)
    patch.setattr(Bridge, "_motion_refusal", lambda self, mono_ns: "")


def abrupt_end(patch):
    from f2o_control.adapters.jtc import JtcAdapter

    send = JtcAdapter.send

    def bare(self, command, gripper_width):
        end = dataclasses.replace(command.stop, phases=np.full((3, 7), 1e-4))
        return send(self, dataclasses.replace(command, stop=end), gripper_width)

    patch.setattr(JtcAdapter, "send", bare)


def no_boxes(patch):
    patch.setattr(CollisionModel, "_outside_box", lambda *_: -1.0)
    patch.setattr(CollisionModel, "_arm_outside", lambda *_: -1.0)  # it would keep the elbow, and so the tool


def arm_alone(patch):
    patch.setattr(Bridge, "count_publishers", lambda self, publishers: None)


def off_guard(what):
    """Removal of one limit from every guard."""
    whole = {"position": "_inside", "velocity": "_slow"}
    return replace(Guard, whole[what], lambda *_: YES) if what in whole else unsmooth(what)


ATTACKS = {"position": PUSHED, "velocity": SHAKEN, "acceleration": SHAKEN, "jerk": SHAKEN}
LAYERS = [GuardCase(f"limiter: {what}", without(what), unguarded(a)) for what, a in ATTACKS.items()]
LAYERS += [GuardCase(f"guard: {what}", off_guard(what), guarded(what, a)) for what, a in ATTACKS.items()]
BRIDGE = [
    GuardCase("finite targets", any_numbers, nan_targets),
    GuardCase("finite joint states", any_joints, nan_joints),
    GuardCase("newest joint state", replace(StampOrder, "is_news", lambda *_: True), shuffled_joints),
    GuardCase("unknown names", any_names, strange_targets(names=tuple("abcdefg"))),
    GuardCase("order of names", any_names, permuted_targets),
    GuardCase("source matches the mode", any_source, strange_targets(source="teleop")),
    GuardCase("old targets", wide("_max_staleness_s"), old_targets),
    GuardCase("targets far ahead", wide("_max_ahead_s"), far_ahead_targets),
    GuardCase("reversed targets", any_order_of_stamps, reversed_targets),
    GuardCase("first target near", replace(CommandSource, "start_error", lambda *_: ""), far_first_target),
    GuardCase(
        "target near when arming", replace(CommandSource, "start_error", lambda *_: ""), far_when_arming
    ),
    GuardCase("joint states when arming", replace(Bridge, "_motion_refusal", lambda *_: ""), armed_blind),
    GuardCase("one publisher when arming", arm_alone, armed_with_two),
    GuardCase("one publisher", replace(Bridge, "count_publishers", lambda *_: None), second_publisher),
    GuardCase("joint states watched", replace(MeasuredJoints, "stale", lambda *_: ""), silent_joints),
    GuardCase("observations watched", replace(ObservationStaleness, "problem", lambda *_: ""), blind_policy),
    GuardCase("observations young", any_age, lagging_policy),
    GuardCase("camera must move on", replace(StampOrder, "is_news", lambda *_: True), frozen_camera),
    GuardCase("adapter watched", no_adapter_watch, adapter_gone),
    GuardCase("arm must follow", replace(TrackingMonitor, "problem", lambda *_: ""), standing_arm),
    GuardCase("command near the arm", any_lead, leading_command),
    GuardCase(
        "slower along the path",
        replace(PathTimeScaling, "next", lambda _, track, at: track.at(at)),
        too_fast_targets,
    ),
    GuardCase("braking on missing targets", no_reach, missing_targets),
    GuardCase(
        "braking when late",
        replace(ReferenceTrack, "over", lambda *_: False),
        missing_targets_of_an_arm_that_is_late,
    ),
    GuardCase("targets watched", replace(CommandSource, "late", lambda *_: ""), silent_source),
    GuardCase("a long silence needs arming", replace(Bridge, "_may_resume", lambda *_: True), late_return),
    GuardCase("a fault needs a person", fault_may_be_left, fault_is_left),
    GuardCase("a failing tick is a fault", replace(Bridge, "fail", lambda *_: None), failing_tick),
    GuardCase("every trajectory ends in a stop", abrupt_end, trajectory_ends),
    GuardCase("tool box", no_boxes, out_of_the_box),
    GuardCase("table", replace(CollisionModel, "_distance", lambda *_: 1.0), into_the_table),
    GuardCase("self-collision", replace(CollisionModel, "_distance", lambda *_: 1.0), into_itself),
    *LAYERS,
]
