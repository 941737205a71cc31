"""Tool box, table and self-collision: what the arm must not enter, also while it stops."""

import dataclasses

import numpy as np
import pytest
from f2o_control.collision import CollisionModel
from f2o_control.errors import KinematicsError
from f2o_control.limiter import TargetLimiter, Verdict
from f2o_control.reference import Reference
from f2o_control.testing import PERIOD, violations
from f2o_control.testing.forward import tool

STILL = np.zeros(7)


@pytest.fixture
def model(robot):
    return CollisionModel(robot.workspace)


def limiter_at(robot, model, posture):
    limiter = TargetLimiter(robot.limits(), PERIOD, model)
    limiter.reset(np.array(posture))
    return limiter


def test_the_tool_is_where_the_vendors_table_says(model, robot):
    rng, limits = np.random.default_rng(1), robot.limits()
    for _ in range(50):
        q = rng.uniform(limits.lower, limits.upper)
        assert np.allclose(model.tool(q), tool(q), atol=1e-4)


@pytest.mark.parametrize(
    ("joints", "text"),
    [
        ({0: 1.5, 1: 0.6}, "the tool is at "),
        ({1: 1.0, 3: -2.0, 5: 2.2}, "outside its box of 0.100 -0.700 0.010 to 0.850 0.700 1.000 m"),
        ({}, ""),
    ],
)
def test_what_is_wrong_is_said(model, robot, joints, text):
    q = np.array(robot.home)
    for joint, value in joints.items():
        q[joint] = value
    assert text in model.explain(q)
    assert (model.penetration(q) > 0) == bool(text)


def test_links_in_the_table_and_in_each_other_are_named(robot):
    anywhere = dataclasses.replace(robot.workspace, lower=(-2.0, -2.0, -2.0), upper=(2.0, 2.0, 2.0))
    model = CollisionModel(anywhere)
    assert "and table are -0." in model.explain(np.array([0.0, 1.6, 0.0, -1.0, 0.0, 1.6, 0.8]))
    folded = np.array([0.0, 0.0, 0.0, -3.0, 0.0, 0.6, 0.8])
    assert " are " in model.explain(folded) and model.penetration(folded) > 0


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_asked_for_the_tool_stays_in_its_box_and_the_links_apart(robot, model, seed):
    rng = np.random.default_rng(seed)
    box, limiter, out = robot.workspace, limiter_at(robot, model, robot.home), [np.array(robot.home)]
    for tick in range(700):
        if tick % 30 == 0:
            goal = out[-1] + rng.uniform(-1.2, 1.2, 7)
        command, _ = limiter.step(Reference(goal, rng.uniform(-1, 1, 7)), limiter.state.position)
        out.append(command.state.position)
    tools = np.array([tool(q) for q in out])
    assert (tools >= np.array(box.lower) - 1e-3).all() and (tools <= np.array(box.upper) + 1e-3).all()
    assert max(model.penetration(q) for q in out) < 1e-3
    assert violations(out, robot.name) == []
    assert np.ptp(tools, axis=0).max() > 0.2  # it did move


def test_a_target_outside_the_box_stops_the_arm_without_chatter(robot, model):
    limiter, home = limiter_at(robot, model, robot.home), np.array(robot.home)
    outside = home.copy()
    outside[1] += 1.4  # towards the table
    rest = None
    for share in [*np.linspace(0, 1, 300), *[1.0] * 60]:
        goal, stop = home + share * (outside - home), limiter.command().stop
        _, verdict = limiter.step(Reference(goal, STILL), limiter.state.position)
        if rest is None and Verdict.WORKSPACE in verdict:
            rest = stop.end  # it brakes at once, and no sooner than it has to
            assert model.penetration(goal) > 0 or model.penetration(limiter.command().stop.end) > -1e-3
    assert Verdict.WORKSPACE in verdict and limiter.at_rest
    assert np.allclose(limiter.state.position, rest, atol=1e-6)
    assert tool(home)[2] - tool(rest)[2] > 0.3
    for _ in range(250):
        limiter.step(Reference(home, STILL), limiter.state.position)
    assert np.allclose(limiter.state.position, home, atol=1e-6)


def test_from_outside_the_box_only_the_way_in_is_open(robot, model):
    start = np.array(robot.home)
    start[0] = 1.6  # the tool is at y = 0.31, x near 0
    assert model.penetration(start) > 0.05
    limiter, deeper = limiter_at(robot, model, start), start.copy()
    deeper[0] = 1.9
    for _ in range(50):
        limiter.step(Reference(deeper, STILL), limiter.state.position)
    assert np.array_equal(limiter.state.position, start)
    depths = []
    for _ in range(400):
        limiter.step(Reference(np.array(robot.home), STILL), limiter.state.position)
        depths.append(model.penetration(limiter.state.position))
    assert np.allclose(limiter.state.position, robot.home, atol=1e-6)
    assert (np.diff([d for d in depths if d > 0]) <= 2e-4).all()


def test_without_the_robots_description_one_sentence_says_so(panda, monkeypatch):
    monkeypatch.setattr("f2o_control.collision.FILES", ("no.urdf", "no.srdf"))
    with pytest.raises(KinematicsError, match=r"example-robot-data holds no no\.urdf or no no\.srdf"):
        CollisionModel(panda.workspace)
