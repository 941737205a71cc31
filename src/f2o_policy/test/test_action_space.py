"""Poses of the tool as actions: from joints and back, against pinocchio, and what an arm cannot reach."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from f2o_nodekit.robot import TCP, read_robot
from f2o_nodekit.urdf import PANDA_URDF, wheel_file
from f2o_perception.kinematics import ForwardKinematics
from f2o_policy.action_space import ROTATION, TcpSpace
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data.normalise import MinMax
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import WindowConfig, Windows
from f2o_policy.errors import DatasetError
from f2o_policy.kinematics import ArmChain, ChainError

PANDA = read_robot("panda")
CHECKPOINTS = Path(__file__).resolve().parents[3] / "checkpoints/reach_around"
DT_S = 0.1


@pytest.fixture(scope="module")
def space():
    return TcpSpace(PANDA)


@pytest.fixture(scope="module")
def chain():
    return ArmChain(PANDA)


@pytest.fixture(scope="module")
def demonstrated():
    """(200,8) postures within the ranges of the demonstrations of reach_around."""
    ranges = load_checkpoint(CHECKPOINTS / "student.pt").normaliser.proprio
    return ranges.decode(np.random.default_rng(0).uniform(-1, 1, (200, 8)))


def moved(start, rate, steps=16):
    """A chunk (1,steps,8) from ``start``, at a constant ``rate`` of the joints [rad/s]."""
    times = DT_S * np.arange(steps)[:, None]
    return np.concatenate([start[:-1] + times * rate, np.full((steps, 1), start[-1])], 1)[None]


def apart(poses, others):
    """Metres and degrees between poses."""
    cosine = (np.einsum("nij,nij->n", poses[:, :3, :3], others[:, :3, :3]) - 1) / 2
    return np.linalg.norm((poses - others)[:, :3, 3], axis=1), np.degrees(np.arccos(cosine.clip(-1, 1)))


@pytest.mark.parametrize("word", ["panda", "fr3"])
def test_poses_are_pinocchios(word):
    robot = read_robot(word)
    chain, truth = ArmChain(robot), ForwardKinematics(robot)
    joints = np.random.default_rng(1).uniform(chain.lower, chain.upper, (50, 7))
    expected = np.array([truth.pose(TCP, q) for q in joints])
    np.testing.assert_allclose(chain.poses(joints), expected, atol=1e-9)


def test_joints_of_a_pose_reach_it_from_a_few_tenths_of_a_radian_away(chain, demonstrated):
    joints = demonstrated[:, :7]
    away = np.random.default_rng(2).uniform(-0.2, 0.2, joints.shape)
    poses = chain.poses(joints)
    found, reached = chain.joints(poses, joints + away)
    metres, degrees = apart(chain.poses(found), poses)
    assert reached.all()
    assert metres.max() < 1e-3 and degrees.max() < 0.2
    assert (found >= chain.lower).all() and (found <= chain.upper).all()


def test_of_all_joints_the_nearest_are_found(chain, demonstrated):
    """Along the null space, through the joints that were found, nothing is nearer."""
    near = demonstrated[:50, :7].clip(chain.lower, chain.upper)
    poses = chain.poses(near)
    poses[:, :3, 3] += (0.02, -0.03, 0.01)
    found, reached = chain.joints(poses, near)
    _, jacobian = chain._pose_and_jacobian(found)
    free = np.linalg.svd(jacobian)[2][:, -1]
    inside = ((found > chain.lower) & (found < chain.upper)).all(1) & reached
    assert inside.sum() > 40
    assert np.abs(((near - found) * free).sum(1)[inside]).max() < 0.01


def test_an_action_is_position_two_columns_and_width(space, chain):
    joints = np.append(PANDA.home, 0.03)
    pose = chain.poses(joints[None, :-1])[0]
    expected = [*pose[:3, 3], *pose[:3, 0], *pose[:3, 1], 0.03]
    np.testing.assert_allclose(space.actions(joints), expected, atol=1e-12)
    assert space.actions(np.zeros((0, 8))).shape == (0, 10)
    assert space.actions(np.tile(joints, (2, 3, 1))).shape == (2, 3, 10)


def test_a_chunk_of_poses_is_followed_and_begins_at_the_present_joints(space):
    start = np.append(PANDA.home, 0.03)
    chunk = moved(start, np.array([0.2, 0.2, 0.0, 0.3, 0.0, 0.2, -0.1]))
    actions = space.actions(chunk)
    joints, unreached = space.joints(actions, start, DT_S)
    assert unreached == 0
    np.testing.assert_allclose(joints[0, 0], start, atol=1e-9)
    back = space.actions(joints)
    np.testing.assert_allclose(back[..., :3], actions[..., :3], atol=1e-3)
    np.testing.assert_allclose(back[..., ROTATION], actions[..., ROTATION], atol=3e-3)
    np.testing.assert_array_equal(joints[..., -1], chunk[..., -1])
    assert np.abs(np.diff(joints[0], axis=0)).max() < 0.1  # no flip of the elbow


def test_columns_that_a_network_bent_are_straightened_by_gram_schmidt(space):
    start = np.append(PANDA.home, 0.03)
    actions = space.actions(moved(start, np.zeros(7), steps=4))
    straight, _ = space.joints(actions, start, DT_S)
    bent = actions.copy()
    bent[..., 3:6] *= 1.3
    bent[..., 6:9] = 0.7 * bent[..., 6:9] + 0.2 * actions[..., 3:6]
    np.testing.assert_allclose(space.joints(bent, start, DT_S)[0], straight, atol=1e-6)


def test_what_is_out_of_reach_holds_the_joints_before_it(space):
    start = np.append(PANDA.home, 0.03)
    actions = np.tile(space.actions(moved(start, np.full(7, 0.05), steps=6)), (2, 1, 1))
    actions[0, 3, 0] = 3.0  # metres ahead
    actions[1, 0, 3:6] = 0.0  # no rotation
    actions[..., -1] = np.linspace(0.03, 0.08, 6)
    joints, unreached = space.joints(actions, start, DT_S)
    assert unreached == 2
    np.testing.assert_array_equal(joints[0, 3], joints[0, 2])
    np.testing.assert_array_equal(joints[1, 0], start)
    assert np.abs(joints[0, 4] - joints[0, 2]).max() < 0.05


def test_half_a_turn_is_reached_or_held_but_raises_nothing(space):
    start = np.append(PANDA.home, 0.03)
    actions = space.actions(moved(start, np.zeros(7), steps=2))
    actions[:, 1, ROTATION] *= -1.0  # half a turn of the wrist about its own axis
    joints, unreached = space.joints(actions, start, DT_S)
    back = space.actions(joints)
    assert unreached in (0, 1)
    np.testing.assert_allclose(back[0, 1], actions[0, 1 - unreached], atol=3e-3)


def test_a_network_that_failed_stays_one_that_failed(space):
    actions = np.full((1, 3, 10), np.nan)
    joints, unreached = space.joints(actions, np.append(PANDA.home, 0.03), DT_S)
    assert np.isnan(joints).all() and joints.shape == (1, 3, 8) and unreached == 0


def test_a_description_with_other_joints_is_refused_by_name(tmp_path):
    text = (
        wheel_file(PANDA_URDF)
        .read_text()
        .replace('<joint name="panda_joint4" type="revolute">', '<joint name="panda_joint4" type="fixed">')
    )
    (tmp_path / "stiff.urdf").write_text(text)
    with pytest.raises(
        ChainError,
        match=r"robot stiff: between link0 and hand_tcp its URDF moves joint1, joint2, joint3, joint5",
    ):
        ArmChain(replace(PANDA, name="stiff", urdf=str(tmp_path / "stiff.urdf")))


def test_windows_of_one_data_set_serve_both_spaces(tiny_data, space):
    data = Dataset(tiny_data)
    joints, tcp = (Windows(data, WindowConfig(horizon=8, action_space=name)) for name in ("joints", "tcp"))
    a, b = joints.window(3), tcp.window(3)
    np.testing.assert_array_equal(a.proprio, b.proprio)
    np.testing.assert_allclose(b.actions, space.actions(a.actions), atol=5e-4)  # a chord of 8 ms, 3 rad/s
    normaliser = tcp.normaliser(np.arange(len(data)))
    assert normaliser.action.low[ROTATION] == (-1.0,) * 6 and normaliser.action.high[ROTATION] == (1.0,) * 6
    assert -1 < normaliser.action.low[0] < normaliser.action.high[0] < 1  # metres, as they were
    assert len(normaliser.proprio.low) == 8


def test_poses_of_another_arm_than_the_datas_are_refused(tiny_data, tmp_path):
    text = wheel_file(PANDA_URDF).read_text().replace('xyz="0 0 0.1034"', 'xyz="0 0 0.1334"')
    (tmp_path / "longer.urdf").write_text(text)
    (tmp_path / "longer.yaml").write_text("like: panda\nname: longer\nurdf: longer.urdf\n")
    config = WindowConfig(action_space="tcp", robot=str(tmp_path / "longer.yaml"))
    data = Dataset(tiny_data)
    assert data.tool_m is None
    Windows(data, config)  # nobody knows whose they are
    data.tool_m = tuple(map(tuple, ArmChain(PANDA).poses(np.zeros((4, 7)))[:, :3, 3].tolist()))
    with pytest.raises(
        DatasetError, match=r"whose tool is \d+ mm away from where longer's is .*; set window.robot"
    ):
        Windows(data, config)


def test_fixed_limits_leave_the_other_columns_alone():
    limits = MinMax((0.0, 0.9, 2.0), (1.0, 1.0, 3.0)).with_unit(slice(1, 2))
    assert limits == MinMax((0.0, -1.0, 2.0), (1.0, 1.0, 3.0))
