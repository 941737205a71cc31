import numpy as np
import pytest
from f2o_sim.controller import Trajectory
from f2o_sim.expert import SPEED, ReachAroundExpert
from f2o_sim.path import PathFollower, blend
from f2o_teleop.ik import DifferentialIk

TICK_S, TICK_NS = 0.008, 8_000_000


@pytest.fixture(scope="module")
def ik():
    return DifferentialIk(dt=TICK_S)


def demonstrate(world, ik, seed, side="", rng_seed=None, until_s=20.0):
    """One demonstration straight on the world; returns the expert, the tool's path and the targets."""
    world.reset(seed)
    rng = np.random.default_rng(seed if rng_seed is None else rng_seed)
    expert = ReachAroundExpert(world.snapshot(), world.joint_positions(), rng, side, TICK_S, ik)
    path, targets = [world.tcp_position()], [np.append(world.joint_positions(), world.gripper_width())]
    while not world.verdict.over and world.elapsed_s < until_s:
        target = expert.step(world.snapshot(), world.gripper_width())
        velocity = (target[:7] - targets[-1][:7]) / TICK_S
        world.command(Trajectory(0, np.array([TICK_NS]), target[None, :7], velocity[None]))
        world.grip(target[7])
        world.step_to(world.time_ns + TICK_NS)
        path.append(world.tcp_position())
        targets.append(target)
    return expert, np.array(path), np.array(targets)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("seed", [0, 11])
def test_both_sides_succeed_on_every_scene(world, ik, seed, side):
    expert, path, targets = demonstrate(world, ik, seed, side)
    assert world.verdict.success
    assert not world.verdict.collision
    assert world.verdict.side == side == expert.side
    assert 4.0 < world.verdict.elapsed_s < 6.5
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / TICK_S
    assert speed.max() < 0.35
    assert (
        np.abs(np.diff(targets[:, :7], axis=0)).max() / TICK_S < 1.2
    )  # rad/s: well inside the bridge's limits


def test_the_side_is_drawn_fairly_and_belongs_to_the_seed(world, ik):
    world.reset(0)
    start, q = world.snapshot(), world.joint_positions()
    sides = [ReachAroundExpert(start, q, np.random.default_rng(n), "", TICK_S, ik).side for n in range(200)]
    assert 75 < sides.count("left") < 125
    assert sides[7] == ReachAroundExpert(start, q, np.random.default_rng(7), "", TICK_S, ik).side


def test_two_demonstrations_of_one_scene_differ(world, ik):
    _, one, _ = demonstrate(world, ik, 4, "left", rng_seed=1, until_s=1.5)
    _, other, _ = demonstrate(world, ik, 4, "left", rng_seed=2, until_s=1.5)
    assert 0.003 < np.abs(one - other).max() < 0.15


def test_a_blended_path_keeps_its_ends_and_rounds_its_corners():
    path = blend(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
    np.testing.assert_allclose(path.at(0.0), [0, 0, 0])
    np.testing.assert_allclose(path.at(path.length), [1, 1, 0])
    steps = np.diff(path.points, axis=0)
    turns = np.arccos(
        np.clip(
            (steps[1:] * steps[:-1]).sum(1) / np.prod(np.linalg.norm([steps[1:], steps[:-1]], axis=2), 0),
            -1,
            1,
        )
    )
    assert np.degrees(turns.max()) < 10


def test_a_runner_keeps_its_speeds_and_arrives():
    follower = PathFollower(blend(np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])), 0.2, 0.05, 0.1, 0.5)
    last, speeds = np.zeros(3), []
    for _ in range(1000):
        point = follower.advance(TICK_S)
        speeds.append(np.linalg.norm(point - last) / TICK_S)
        last = point
    assert follower.left == 0.0
    assert max(speeds) == pytest.approx(0.2, rel=0.01)
    assert max(np.abs(np.diff(speeds[:-1]))) / TICK_S < 0.51 or speeds[-1] == 0.0
    assert SPEED[1] < 0.35
