"""Tool box, table and self-collision: what the arm must not enter, also while it stops."""

import dataclasses
import re

import numpy as np
import pytest
import yaml
from f2o_control.collision import CollisionModel
from f2o_control.errors import KinematicsError
from f2o_control.limiter import TargetLimiter, Verdict
from f2o_control.reference import Reference
from f2o_control.robot import Shape, load_robot
from f2o_control.testing import CONFIG, PERIOD, violations
from f2o_control.testing.forward import hand, joints, tool
from f2o_nodekit.errors import F2oError

STILL = np.zeros(7)


@pytest.fixture
def model(robot):
    return CollisionModel(robot.workspace)


def anywhere(robot, **changes):
    """A workspace without boxes, and without a tool beyond the hand."""
    free = {"lower": (-2.0,) * 3, "upper": (2.0,) * 3, "arm_lower": None, "arm_upper": None, "tool": ()}
    return dataclasses.replace(robot.workspace, **free | changes)


def corners(centre, size):
    signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, -1).T
    return np.array(centre) + signs * np.array(size)


def lowest(q, points):
    """The height of the lowest of ``points``, in the hand's frame, by the vendor's table."""
    pose = hand(q)
    return float((points @ pose[:3, :3].T + pose[:3, 3])[:, 2].min())


BODIES = {  # of a real cell, in the hand's frame; not those of the robot's file
    "open fingers": corners((0.0, 0.0, 0.0854), (0.02, 0.1, 0.054)),
    "camera on its bracket": corners((0.065, 0.0, 0.04), (0.05, 0.09, 0.04)),
    "hand": corners((0.0, 0.0, 0.033), (0.04, 0.19, 0.066)),
}


@pytest.mark.parametrize("body", BODIES)
def test_no_allowed_posture_has_a_part_of_the_tool_in_the_table(robot, model, body):
    """A search downhill from random postures: cases/safety/space_hole.py found -45 mm for a camera."""
    points, limits, rng = BODIES[body], robot.limits(), np.random.default_rng(3)
    found = []
    for _ in range(4):
        q = rng.uniform(limits.lower, limits.upper)
        while model.penetration(q) > 0:
            q = rng.uniform(limits.lower, limits.upper)
        step = 0.4
        for _ in range(400):
            n = np.clip(q + rng.normal(0, step, 7) * (rng.random(7) < 0.5), limits.lower, limits.upper)
            if lowest(n, points) < lowest(q, points) and model.penetration(n) <= 0:
                q = n
            else:
                step = max(step * 0.99, 0.004)
        found.append(lowest(q, points))
    assert min(found) > -0.002
    assert min(found) < 0.05  # it did look there


def test_a_thing_that_is_held_is_part_of_the_tool(robot):
    rod = Shape("rod", cylinder=(0.01, 0.1), at=(0.0, 0.0, 0.1034))
    model = CollisionModel(dataclasses.replace(robot.workspace, tool=(*robot.workspace.tool, rod)))
    q = np.array(robot.home)
    q[1], q[5] = 0.45, 2.806  # the tool low over the table
    height = tool(q)[2]
    assert 0.02 < height < 0.06 and CollisionModel(robot.workspace).penetration(q) <= 0
    assert model.penetration(q) > 0 and "rod" in model.explain(q)


@pytest.mark.parametrize("shape", [
    Shape("shelf", box=(0.3, 0.3, 0.3), at=(0.45, 0.0, 0.45)),
    Shape("post", cylinder=(0.05, 1.0), at=(0.36, 0.0, 0.5)),
], ids=lambda shape: shape.name)  # fmt: skip
def test_the_scene_is_kept_clear_of(robot, shape):
    model = CollisionModel(anywhere(robot, scene=(shape,)))
    text = model.explain(np.array(robot.home))
    assert shape.name in text and " m apart, expected 0.01 m" in text
    away = np.array(robot.home)
    away[0] = 1.5
    assert model.explain(away) == ""


def test_the_elbow_stays_in_the_arms_box(robot):
    model = CollisionModel(anywhere(robot, arm_lower=(-0.5, -0.3, -0.1), arm_upper=(1.0, 0.3, 1.3)))
    q = np.array(robot.home)
    assert model.penetration(q) <= 0
    q[0], q[1] = 1.2, 0.8  # the elbow at the side
    elbow = joints(q)[3][:3, 3]
    assert elbow[1] > 0.22
    beyond = max(abs(pose[1, 3]) for pose in joints(q)[3:]) + 0.09 - 0.3
    assert model.explain(q) == f"elbow, forearm or wrist are {beyond:.3f} m outside the arm's box"


@pytest.mark.parametrize(("changes", "text"), [
    ({"tool": [{"name": "rod"}]}, "rod: expected a box or a cylinder"),
    ({"scene": [{"name": "rod", "box": [1, 1, 1], "cylinder": [1, 1]}]}, "rod: expected a box or a cylinder"),
    ({"scene": [{"name": "rod", "box": [1, -1, 1]}]}, "workspace.scene[0].box[1]: expected a number above 0, got -1"),
    ({"arm_lower": [1.0, 0.0, 0.0]}, "arm_lower: expected each below its arm_upper"),
])  # fmt: skip
def test_a_workspace_that_is_none_is_one_sentence(tmp_path, changes, text):
    tree = yaml.safe_load((CONFIG / "robots/panda.yaml").read_text())
    tree["workspace"] |= changes
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(F2oError, match=re.escape(text)):
        load_robot(tmp_path / "mine.yaml")


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
    model = CollisionModel(anywhere(robot))
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
        goal, stop = home + share * (outside - home), limiter.command(0.008).stop
        _, verdict = limiter.step(Reference(goal, STILL), limiter.state.position)
        if rest is None and Verdict.WORKSPACE in verdict:
            rest = stop.end  # it brakes at once, and no sooner than it has to
            assert model.penetration(goal) > 0 or model.penetration(limiter.command(0.008).stop.end) > -1e-3
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
    monkeypatch.setattr("f2o_control.arm_model.FILES", ("no.urdf", "no.srdf"))
    with pytest.raises(KinematicsError, match=r"example-robot-data: expected no\.urdf in it, found none"):
        CollisionModel(panda.workspace)
