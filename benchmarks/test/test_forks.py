"""The judge at the fork, tried with paths whose answer is known: the expert's, and a straight one."""

from collections import Counter

import numpy as np
import pytest
from f2o_sim.expert import ReachAroundExpert
from f2o_sim.tasks.base import Snapshot
from f2o_sim.tasks.reach_around import FORK_M, FORK_Z, POST
from f2o_teleop.ik import DifferentialIk

from benchmarks.forks.forks import ForkScenes, _row

KNOT_TICKS = 12  # a chunk's points are about 0.1 s apart


@pytest.fixture(scope="module")
def scenes():
    scenes = ForkScenes()
    yield scenes
    scenes.close()


def test_the_arm_stands_before_the_post_and_sees_it(scenes, world):
    world.reset(5)
    world.place_arm(scenes.arm(5), 0.08)
    tool, post = world.tcp_position(), world.object_pose(POST)
    np.testing.assert_allclose(tool, [post[0] - FORK_M, post[1], FORK_Z], atol=2e-3)
    seen = scenes.observe(5)
    np.testing.assert_allclose(seen.joint_positions, scenes.arm(5), atol=1e-9)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_experts_way_is_found_to_pass_on_its_side(scenes, world, side):
    world.reset(2)
    q, ik = world.joint_positions(), DifferentialIk()
    expert = ReachAroundExpert(world.snapshot(), q, np.random.default_rng(0), side, ik=ik)
    blind = Snapshot(0.0, np.zeros(3), world.snapshot().objects, frozenset(), False)
    path = np.array([expert.step(blind, 0.08)[:7] for _ in range(330)])[::KNOT_TICKS]
    assert scenes.judge(2, path) == side


def test_the_way_between_both_sides_runs_into_the_post_and_a_short_one_stays_before_it(scenes, world):
    world.reset(2)
    start, post = scenes.arm(2), world.object_pose(POST)
    ik = DifferentialIk(home=tuple(start))
    ik.reset(start)
    goal = ik.forward(start).copy()
    goal[0, 3] = post[0] + 0.1
    path = np.array([ik.step_pose(goal) for _ in range(400)])[::KNOT_TICKS]
    assert scenes.judge(2, path) == "into the post"
    assert scenes.judge(2, path[:2]) == "stays before it"


def test_shares_add_up_and_both_sides_are_counted_a_scene():
    answers = [Counter(left=10, right=6), Counter({"left": 12, "into the post": 4})]
    row = _row(answers)
    assert (row["left"], row["right"], row["into the post"], row["stays before it"]) == (
        0.688,
        0.188,
        0.125,
        0.0,
    )
    assert row["scenes_with_both_sides"] == 0.5
