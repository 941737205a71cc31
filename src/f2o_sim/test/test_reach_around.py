import numpy as np
import pytest
from f2o_sim.errors import UnknownTaskError
from f2o_sim.tasks import make_task
from f2o_sim.tasks.base import Snapshot
from f2o_sim.tasks.reach_around import CUBE, HOLD_S, LIFT_M, POST, TIME_LIMIT_S, ReachAround


@pytest.fixture
def placement():
    return ReachAround().place(0)


def snapshot(placement, elapsed_s=0.0, tcp=(0.35, 0.0, 0.25), lift=0.0, held=(), collision=False):
    objects = dict(placement.objects)
    objects[CUBE] = objects[CUBE] + np.array([0, 0, lift, 0, 0, 0, 0])
    return Snapshot(elapsed_s, np.array(tcp), objects, frozenset(held), collision)


def test_the_same_seed_gives_the_same_scene_and_another_seed_another():
    task = ReachAround()
    one, again, other = task.place(7), task.place(7), task.place(8)
    np.testing.assert_array_equal(one.arm, again.arm)
    np.testing.assert_array_equal(one.objects[CUBE], again.objects[CUBE])
    assert not np.array_equal(one.objects[POST], other.objects[POST])


def test_the_cube_is_always_behind_the_post_and_both_sides_are_alike():
    scenes = [ReachAround().place(seed).objects for seed in range(500)]
    offset = np.array([scene[CUBE][:2] - scene[POST][:2] for scene in scenes])
    assert offset[:, 0].min() > 0.09
    assert np.abs(offset[:, 1]).max() <= 0.06
    assert abs(offset[:, 1].mean()) < 0.005


def test_unknown_task_names_the_known_ones():
    with pytest.raises(UnknownTaskError, match="unknown task 'fly', expected one of reach_around"):
        make_task("fly")


def test_success_is_the_cube_held_high_for_long_enough(placement):
    judge = ReachAround().judge(placement)
    assert not judge.update(snapshot(placement, 3.0, lift=LIFT_M, held={CUBE})).over
    assert not judge.update(snapshot(placement, 3.0 + HOLD_S / 2, lift=LIFT_M, held={CUBE})).over
    verdict = judge.update(snapshot(placement, 3.001 + HOLD_S, lift=LIFT_M, held={CUBE}))
    assert verdict.over
    assert verdict.success
    assert not verdict.collision


@pytest.mark.parametrize(("lift", "held"), [(LIFT_M, set()), (LIFT_M / 2, {CUBE})])
def test_a_cube_thrown_up_or_held_low_is_no_success(placement, lift, held):
    judge = ReachAround().judge(placement)
    for elapsed in np.arange(0.0, 2.0, 0.1):
        assert not judge.update(snapshot(placement, elapsed, lift=lift, held=held)).over


def test_a_slip_starts_the_count_again(placement):
    judge = ReachAround().judge(placement)
    judge.update(snapshot(placement, 1.0, lift=LIFT_M, held={CUBE}))
    judge.update(snapshot(placement, 1.0 + 0.9 * HOLD_S, lift=LIFT_M))
    assert not judge.update(snapshot(placement, 1.0 + 1.1 * HOLD_S, lift=LIFT_M, held={CUBE})).over


def test_a_collision_ends_the_episode_for_good(placement):
    judge = ReachAround().judge(placement)
    verdict = judge.update(snapshot(placement, 1.0, collision=True))
    assert (verdict.over, verdict.collision, verdict.success) == (True, True, False)
    assert judge.update(snapshot(placement, 9.0, lift=LIFT_M, held={CUBE})) == verdict


def test_the_side_is_where_the_tool_first_passes_the_post_and_it_stays(placement):
    x, y = placement.objects[POST][:2]
    for sign, side in ((1, "left"), (-1, "right")):
        judge = ReachAround().judge(placement)
        assert judge.update(snapshot(placement, 0.0, tcp=(x - 0.01, y + sign * 0.2, 0.1))).side == ""
        assert judge.update(snapshot(placement, 0.1, tcp=(x + 0.01, y + sign * 0.2, 0.1))).side == side
        assert judge.update(snapshot(placement, 0.2, tcp=(x + 0.1, y - sign * 0.2, 0.1))).side == side


def test_time_runs_out(placement):
    verdict = ReachAround().judge(placement).update(snapshot(placement, TIME_LIMIT_S))
    assert (verdict.over, verdict.success, verdict.collision) == (True, False, False)
