"""No point of tool and arm is faster than the profile's speed, and borders are approached with a speed that falls."""

import dataclasses

import numpy as np
import pytest
from f2o_control.braking import JointState, plan_stop
from f2o_control.collision import CollisionModel
from f2o_control.limiter import TargetLimiter, Verdict
from f2o_control.reference import PathTimeScaling, Reference, ReferenceTrack
from f2o_control.robot import Shape, load_robot
from f2o_control.slowing import Slowing
from f2o_control.target import Target
from f2o_control.testing import CONFIG, PERIOD, violations
from f2o_control.testing.forward import hand, joints, tool
from f2o_control.tool_speed import ToolSpeed
from f2o_nodekit.errors import F2oError

STILL = np.zeros(7)


def corners(centre, size):
    signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, -1).T
    return np.array(centre) + signs * np.array(size)


CARRIED = np.vstack(
    [  # in the hand's frame: open fingers, a camera on its bracket, the hand's housing, flange, fingertips
        corners((0.0, 0.0, 0.0844), (0.02, 0.1, 0.036)),
        corners((0.065, 0.0, 0.04), (0.05, 0.09, 0.04)),
        corners((0.0, 0.0, 0.033), (0.04, 0.19, 0.066)),
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.1034]],
    ]
)


def places(q):
    """Points of the tool, and elbow and wrist, by the vendor's table."""
    pose, frames = hand(q), joints(q)
    return np.vstack([CARRIED @ pose[:3, :3].T + pose[:3, 3], [frames[i][:3, 3] for i in (3, 4, 5)]])


def fastest(rows):
    """The speed [m/s] of the fastest point in each period between ``rows`` of joint positions."""
    moved = np.diff([places(q) for q in rows], axis=0)
    return np.linalg.norm(moved, axis=2).max(axis=1) / PERIOD


def careful(robot, profile="normal", start=None, guarded=False, workspace=None):
    """A limiter as the bridge makes it, the guard of the workspace if wanted."""
    workspace = workspace or robot.workspace
    limits = robot.limits(profile)
    collisions = CollisionModel(workspace) if guarded else None
    speed = ToolSpeed(workspace, robot.profile(profile).tcp_speed_m_s, PERIOD)
    limiter = TargetLimiter(limits, PERIOD, collisions, speed, Slowing(limits, speed, collisions))
    limiter.reset(np.array(robot.home if start is None else start))
    return limiter


def follow(limiter, references):
    """The commands for ``references``, and all verdicts."""
    rows, verdicts = [limiter.state.position], Verdict.NONE
    for reference in references:
        command, verdict = limiter.step(reference, rows[-1])
        rows.append(command.state.position)
        verdicts |= verdict
    return np.array(rows), verdicts


def wild(robot, limits, kind, ticks, rng):
    """Targets of somebody who wants to see the limit broken."""
    q, v = np.array(robot.home), STILL
    for tick in range(ticks):
        if kind == "far" and tick % 100 == 0:
            q = rng.uniform(limits.lower, limits.upper)
        if kind == "anything" and tick % 7 == 0:
            q, v = rng.uniform(limits.lower - 1, limits.upper + 1), rng.uniform(-3, 3, 7)
        if kind == "stop and go":
            q = np.where(tick % 60 < 30, limits.upper, limits.lower)
        yield None if kind == "stop and go" and tick % 15 == 0 else Reference(q, v)


@pytest.mark.parametrize("profile", ["cautious", "normal", "full"])
@pytest.mark.parametrize("kind", ["far", "anything", "stop and go"])
def test_no_point_of_the_tool_is_faster_than_the_profile_allows(robot, profile, kind):
    limiter, limits = careful(robot, profile), robot.limits(profile)
    rows, _ = follow(limiter, wild(robot, limits, kind, 300, np.random.default_rng(5)))
    limit = robot.profile(profile).tcp_speed_m_s
    assert fastest(rows).max() <= limit
    assert violations(rows, robot.name, profile=profile) == []
    if kind == "far" and profile != "full":
        assert fastest(rows).max() > 0.8 * limit  # it is used, too


def test_it_is_the_speed_of_the_whole_tool(robot):
    """A long thing that is held is faster than the fingers; a turn of the hand alone moves its end."""
    rod = Shape("rod", cylinder=(0.01, 0.6), at=(0.3, 0.0, 0.1), rpy=(0.0, np.pi / 2, 0.0))
    holding = dataclasses.replace(robot.workspace, tool=(*robot.workspace.tool, rod))
    turned = np.array(robot.home)
    turned[6] -= 1.5
    tops = []
    for workspace in (robot.workspace, holding):
        rows, _ = follow(careful(robot, "cautious", workspace=workspace), [Reference(turned, STILL)] * 400)
        end = [(hand(q) @ [0.6, 0.0, 0.1, 1.0])[:3] for q in rows]
        tops.append(np.linalg.norm(np.diff(end, axis=0), axis=1).max() / PERIOD)
    assert tops[1] <= 0.25
    assert robot.limits("cautious").velocity[6] * 0.6 < 0.25 or tops[0] > 0.25


def test_the_speed_is_what_differences_of_the_vendors_table_say(robot):
    rng, limits = np.random.default_rng(2), robot.limits()
    speed = ToolSpeed(robot.workspace, 0.25, PERIOD)
    for _ in range(30):
        q, v = rng.uniform(limits.lower, limits.upper), rng.uniform(-1, 1, 7)
        found = np.linalg.norm(places(q + 1e-6 * v) - places(q - 1e-6 * v), axis=1).max() / 2e-6  # m/s
        assert found - 1e-6 <= speed.fastest(q, v) <= 2.0 * found  # its bodies lie around those points
        assert speed.fastest(q, v) <= speed.bound(v)


def test_a_stop_in_which_the_tool_gets_faster_is_noticed(panda):
    """Joints that still accelerate get faster before they brake."""
    limits, rng = panda.limits("cautious"), np.random.default_rng(0)
    home, slow, found = np.array(panda.home), ToolSpeed(panda.workspace, 0.1, PERIOD), 0
    for _ in range(100):
        v, a = (rng.uniform(-1, 1, 7) * most for most in (0.1 * limits.velocity, 0.9 * limits.acceleration))
        stop = plan_stop(JointState(home, v, a), limits.acceleration, limits.jerk)
        ticks = PERIOD * np.arange(1 + int(stop.duration / PERIOD))
        tops = [slow.fastest(*state) for state in zip(*stop.sample(ticks), strict=True)]
        speed = ToolSpeed(panda.workspace, 1.01 * tops[0] / 0.95, PERIOD)  # not exceeded at the start
        assert speed.exceeded(stop) == (max(tops) > 1.01 * tops[0])
        found += speed.exceeded(stop)
    assert found > 3


@pytest.mark.parametrize("profile", ["cautious", "normal"])
def test_the_arm_arrives_where_it_was_told(robot, profile):
    rng, limits = np.random.default_rng(4), robot.limits(profile)
    limiter = careful(robot, profile)
    for _ in range(2):
        goal = np.clip(np.array(robot.home) + rng.uniform(-0.6, 0.6, 7), limits.lower, limits.upper)
        rows, _ = follow(limiter, [Reference(goal, STILL)] * 1200)
        assert np.abs(rows[-1] - goal).max() < 1e-3
        away = np.linalg.norm(rows - goal, axis=1)
        assert (np.diff(away) < 1e-9).all()  # never back


def towards(robot, q, direction, speed):
    """The joints' velocity that moves the tool with ``speed`` [m/s] along ``direction``."""
    steps = np.eye(7) * 1e-6
    jacobian = np.array([(tool(q + s) - tool(q - s)) / 2e-6 for s in steps]).T
    return np.linalg.pinv(jacobian) @ (speed * np.array(direction))


def line(robot, start, direction, speed, seconds):
    """Targets on a straight line of the tool, as a teleoperator's, without regard to anything."""
    q, rows = np.array(start), []
    for _ in range(round(seconds / PERIOD)):
        v = towards(robot, q, direction, speed)
        q = q + v * PERIOD
        rows.append(Reference(q, v))
    return rows


def as_the_bridge(limiter, slowing, limits, references):
    """Commands for targets at ``references``, through the time scaling."""
    track, scaling = ReferenceTrack(0.03), PathTimeScaling(limits, PERIOD, slowing)
    rows, period_ns = [limiter.state.position], round(PERIOD * 1e9)
    for tick, reference in enumerate(references, 1):
        track.update(Target(reference.position, reference.velocity, 0.08, tick * period_ns, 0, "teleop"))
        command, _ = limiter.step(scaling.next(track, tick * period_ns), rows[-1])
        rows.append(command.state.position)
    return np.array(rows)


@pytest.mark.parametrize(
    ("direction", "border"),
    [((0.0, 0.0, -1.0), "table"), ((1.0, 0.0, 0.0), "box"), ((0.0, 1.0, 0.0), "shelf")],
)
def test_a_border_is_approached_with_a_speed_that_falls(robot, direction, border):
    limits, speed = robot.limits(), 0.4
    shelf = Shape("shelf", box=(0.4, 0.2, 0.6), at=(0.4, 0.45, 0.5))
    workspace = dataclasses.replace(robot.workspace, scene=(shelf,) if border == "shelf" else ())
    model, targets, tops = CollisionModel(workspace), line(robot, robot.home, direction, speed, 1.6), {}
    for looks_ahead in (False, True):
        limiter = careful(robot, guarded=True, workspace=workspace)
        if not looks_ahead:
            limiter._slowing = None
        rows = as_the_bridge(limiter, limiter._slowing, limits, targets)
        room = np.array([-model.penetration(q) for q in rows])[1:]
        along = np.diff([tool(q) for q in rows], axis=0) @ direction / PERIOD
        assert room.min() > -1e-3
        assert violations(rows, robot.name) == []
        assert along.max() > 0.95 * speed  # where nothing is near
        tops[looks_ahead] = [along[room < near].max() for near in (0.03, 0.01)]
    assert tops[True][0] < 0.97 * tops[False][0] and tops[True][1] < 0.9 * tops[False][1]
    assert tops[True][1] < 0.65 * tops[True][0]  # it falls
    assert room[-1] < 0.01  # and the arm gets there


def test_along_a_border_and_away_from_it_nothing_is_slowed(robot):
    model, limits = CollisionModel(robot.workspace), robot.limits()
    slowing = Slowing(limits, ToolSpeed(robot.workspace, 0.85, PERIOD), model)
    low = np.array(robot.home)
    while -model.penetration(low) > 0.01:
        low = low + towards(robot, low, (0.0, 0.0, -1.0), 0.002)
    assert 0.0 < -model.penetration(low) <= 0.01
    assert slowing.share(low, towards(robot, low, (0.0, 0.0, -1.0), 0.5)) < 0.6
    assert slowing.share(low, towards(robot, low, (0.0, 0.0, 1.0), 0.5)) == 1.0
    assert slowing.share(low, towards(robot, low, (0.0, 1.0, 0.0), 0.2)) > 0.9


def test_the_room_ahead_is_known_by_its_gradient(robot):
    model, rng, limits = CollisionModel(robot.workspace), np.random.default_rng(0), robot.limits()
    seen = 0
    for _ in range(200):
        q = rng.uniform(limits.lower, limits.upper)
        if model.penetration(q) > -0.003:
            continue
        borders = model.borders(q, 0.15)
        if not len(borders.room):
            continue
        assert borders.room.min() == pytest.approx(-model.penetration(q), abs=1e-6)
        near = q + rng.normal(0, 1e-4, 7)
        assert borders.at(near).min() == pytest.approx(-model.penetration(near), abs=1e-6)
        seen += 1
    assert seen > 20


def test_a_profile_without_a_tool_speed_is_named(tmp_path):
    text = (CONFIG / "robots/panda.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("    tcp_speed_m_s: 0.25", "    # tcp_speed_m_s: 0.25"))
    with pytest.raises(F2oError, match=r"profiles\.cautious\.tcp_speed_m_s"):
        load_robot(tmp_path / "mine.yaml")
