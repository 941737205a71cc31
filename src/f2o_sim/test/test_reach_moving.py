"""A cube on a belt: it goes where the belt goes, until it is held."""

import numpy as np
import pytest
from f2o_sim.reach_around import CUBE, ReachAround
from f2o_sim.reach_moving import AMPLITUDE_M, ReachMoving
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


def test_what_is_held_is_not_carried(moving, monkeypatch):
    moving.reset(3)
    monkeypatch.setattr(moving._roles, "held", lambda data: frozenset({CUBE}))
    start = moving.object_pose(CUBE)[1]
    moving.step_to(moving.time_ns + 1_000_000_000)
    assert moving.object_pose(CUBE)[1] == pytest.approx(start, abs=2e-3)


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
