"""A cube on a belt: it goes where the belt goes, until it is held."""

import numpy as np
import pytest
from f2o_sim.tasks.reach_around import CUBE, ReachAround
from f2o_sim.tasks.reach_moving import AMPLITUDE_M, ReachMoving
from f2o_sim.world import World


@pytest.fixture(scope="module")
def moving():
    return World("reach_moving", seed=3)


def test_the_belt_carries_the_cube_along_its_swing(moving):
    moving.reset(3)
    belt, start = moving.placement.belts[CUBE], moving.object_pose(CUBE)
    middle = start[1] - belt.offset(0.0)
    for _ in range(8):
        moving.step_to(moving.time_ns + 500_000_000)
        pose = moving.object_pose(CUBE)
        assert pose[1] == pytest.approx(middle + belt.offset(moving.elapsed_s), abs=2e-3)
        np.testing.assert_allclose(pose[[0, 2]], start[[0, 2]], atol=2e-3)


def test_what_is_lifted_falls_and_is_not_carried(moving):
    moving.reset(3)
    pose = moving.object_pose(CUBE)
    joint = moving.model.body(CUBE).jntadr[0]
    position, speed = moving.model.jnt_qposadr[joint], moving.model.jnt_dofadr[joint]
    moving.data.qpos[position : position + 3] = pose[0], pose[1] + 0.2, pose[2] + 0.4
    moving.data.qvel[speed : speed + 3] = 0.5, 0.0, 0.0
    moving.step_to(moving.time_ns + 100_000_000)
    thrown = moving.object_pose(CUBE)
    assert thrown[0] - pose[0] == pytest.approx(0.05, abs=2e-3)
    assert thrown[1] - pose[1] == pytest.approx(0.2, abs=5e-3)


def test_a_push_across_the_belt_is_felt(moving):
    moving.reset(3)
    before = moving.object_pose(CUBE)[0]
    moving.data.qvel[moving.model.jnt_dofadr[moving.model.body(CUBE).jntadr[0]]] = 0.3
    moving.step_to(moving.time_ns + 100_000_000)
    assert moving.object_pose(CUBE)[0] - before > 0.002


def test_scenes_are_those_of_reach_around_with_a_belt():
    still, swings = ReachAround(), []
    for seed in range(20):
        one, other = still.place(seed), ReachMoving().place(seed)
        np.testing.assert_array_equal(one.arm, other.arm)
        assert abs(other.objects[CUBE][1] - one.objects[CUBE][1]) <= AMPLITUDE_M
        assert not one.belts
        swings.append(other.belts[CUBE])
    assert len({s.phase for s in swings}) == 20
    assert max(abs(s.velocity(t)) for s in swings for t in np.linspace(0, 15, 200)) < 0.037
