import time
from dataclasses import replace

import numpy as np
import pytest
from f2o_nodekit.robot import read_robot
from f2o_nodekit.urdf import PANDA_URDF, wheel_file
from f2o_teleop.errors import RobotModelError
from f2o_teleop.ik import DifferentialIk, IkStatus
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from f2o_teleop import ik as module

PANDA = read_robot("panda")
HOME = PANDA.home
SHARED = DifferentialIk()  # building takes 15 ms; every test resets it
finite = st.floats(-3.0, 3.0)


@pytest.fixture
def ik() -> DifferentialIk:
    SHARED.reset(np.array(HOME))
    return SHARED


def random_joints(ik, seed, margin=0.3):
    return np.random.default_rng(seed).uniform(ik.lower + margin, ik.upper - margin)


def pose_error(a, b):
    turn = np.arccos(np.clip((np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2, -1, 1))
    return np.linalg.norm(a[:3, 3] - b[:3, 3]), turn


def test_forward_agrees_with_franka_dh_table(ik):
    # Craig's parameters from Franka's documentation, an independent source of the same arm.
    a = [0, 0, 0, 0.0825, -0.0825, 0, 0.088, 0]
    d = [0.333, 0, 0.316, 0, 0.384, 0, 0, 0.107]
    alpha = [0, -np.pi / 2, np.pi / 2, np.pi / 2, -np.pi / 2, np.pi / 2, np.pi / 2, 0]
    q = random_joints(ik, 1)
    pose = np.eye(4)
    for a_i, d_i, al, th in zip(a, d, alpha, [*q, -np.pi / 4], strict=True):
        ct, st_, ca, sa = np.cos(th), np.sin(th), np.cos(al), np.sin(al)
        pose = pose @ np.array(
            [
                [ct, -st_, 0, a_i],
                [st_ * ca, ct * ca, -sa, -d_i * sa],
                [st_ * sa, ct * sa, ca, d_i * ca],
                [0, 0, 0, 1],
            ]
        )
    pose[:3, 3] += 0.1034 * pose[:3, 2]
    np.testing.assert_allclose(ik.forward(q), pose, atol=1e-9)


def test_jacobian_is_the_derivative_of_forward(ik):
    q, h = random_joints(ik, 2), 1e-6
    jacobian = ik.jacobian(q)
    for j in range(7):
        step = np.eye(7)[j] * h
        ahead, behind = ik.forward(q + step), ik.forward(q - step)
        spin = (ahead[:3, :3] - behind[:3, :3]) / (2 * h) @ ik.forward(q)[:3, :3].T
        numeric = [*(ahead - behind)[:3, 3] / (2 * h), spin[2, 1], spin[0, 2], spin[1, 0]]
        np.testing.assert_allclose(jacobian[:, j], numeric, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, 7, elements=finite), arrays(np.float64, (4, 6), elements=st.floats(-5, 5)))
def test_random_twists_never_leave_the_limits(start, twists):
    SHARED.reset(start)
    for twist in twists.repeat(10, axis=0):
        before = SHARED.q
        after = SHARED.step_twist(twist)
        assert (after >= SHARED.lower).all()
        assert (after <= SHARED.upper).all()
        assert (np.abs(after - before) <= SHARED.velocity_limit * SHARED.dt + 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), arrays(np.float64, 3, elements=finite))
def test_random_poses_in_and_out_of_reach_never_leave_the_limits(seed, position):
    SHARED.reset(random_joints(SHARED, seed))
    goal = SHARED.forward(random_joints(SHARED, seed + 1))
    goal[:3, 3] = position
    for _ in range(40):
        before = SHARED.q
        after = SHARED.step_pose(goal)
        assert (np.clip(after, SHARED.lower, SHARED.upper) == after).all()
        assert (np.abs(after - before) <= SHARED.velocity_limit * SHARED.dt + 1e-12).all()


@pytest.mark.parametrize("seed", range(6))
def test_pose_converges(ik, seed):
    goal = ik.forward(np.array(HOME) + np.random.default_rng(seed).uniform(-0.5, 0.5, 7))
    for _ in range(400):
        ik.step_pose(goal)
    metres, radians = pose_error(ik.forward(ik.q), goal)
    assert metres < 2e-4
    assert radians < 2e-3
    assert ik.status is IkStatus.OK


def test_a_far_pose_is_approached_on_a_straight_line(ik):
    start = ik.forward(ik.q)
    goal = start.copy()
    goal[:3, 3] += [0.1, 0.25, -0.1]
    along = (goal - start)[:3, 3] / np.linalg.norm((goal - start)[:3, 3])
    worst = 0.0
    for _ in range(120):
        offset = (ik.forward(ik.step_pose(goal)) - start)[:3, 3]
        worst = max(worst, np.linalg.norm(offset - along * (offset @ along)))
    assert worst < 2e-3


def test_twist_moves_the_tcp_at_the_twist(ik):
    twist = np.array([0.05, -0.1, 0.08, 0.1, -0.2, 0.3])
    for _ in range(50):
        ik.step_twist(twist)  # the lag of the soft task settles
    before = ik.forward(ik.q)
    after = ik.forward(ik.step_twist(twist))
    turn = (after[:3, :3] - before[:3, :3]) @ before[:3, :3].T / ik.dt
    np.testing.assert_allclose((after - before)[:3, 3] / ik.dt, twist[:3], atol=3e-3)
    np.testing.assert_allclose([turn[2, 1], turn[0, 2], turn[1, 0]], twist[3:], atol=1e-2)


def test_a_zero_twist_does_not_drift_though_the_posture_pulls(ik):
    ik.reset(np.array(HOME) + 0.3)
    anchor = ik.forward(ik.q)
    for _ in range(1250):
        ik.step_twist(np.zeros(6))
    assert pose_error(ik.forward(ik.q), anchor)[0] < 1e-4
    assert np.abs(ik.q - HOME - 0.3).max() > 0.01  # the null space did move


def test_pushing_past_the_reach_stays_bounded_and_comes_back_at_once(ik):
    for _ in range(500):
        ik.step_twist(np.array([0.25, 0, 0.1, 0, 0, 0]))
    stretched = ik.forward(ik.q)[0, 3]
    joints = [ik.q]
    for _ in range(125):
        joints.append(ik.step_twist(np.array([0.25, 0.0, 0.0, 0, 0, 0])))
    assert np.abs(np.diff(joints, axis=0)).max() / ik.dt < 1.0  # slides along, no flailing
    for _ in range(50):
        ik.step_twist(np.array([-0.25, 0, 0, 0, 0, 0]))
    assert ik.forward(ik.q)[0, 3] < stretched + 0.05  # nothing had wound up behind the limit


def test_a_twist_near_the_singularity_is_bounded_and_smooth(ik):
    ik.reset(np.array([0, 0.3, 0, -0.1, 0, 1.6, 0.785]))  # elbow all but stretched
    joints = [ik.q]
    for k in range(250):
        joints.append(ik.step_twist(np.array([0, 0, 0.1 * np.sin(k / 20), 0.3 * np.cos(k / 20), 0, 0])))
    speed = np.diff(joints, axis=0) / ik.dt
    assert np.isfinite(speed).all()
    assert (np.abs(speed) <= ik.velocity_limit + 1e-9).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_input_holds_the_target_and_says_so(ik, bad):
    q = ik.q
    np.testing.assert_array_equal(ik.step_twist(np.array([bad, 0, 0, 0, 0, 0])), q)
    assert ik.status is IkStatus.BAD_INPUT
    np.testing.assert_array_equal(ik.step_pose(np.full((4, 4), bad)), q)
    assert ik.status is IkStatus.BAD_INPUT
    ik.reset(np.full(7, bad))
    np.testing.assert_array_equal(ik.q, q)
    ik.step_twist(np.zeros(6))
    assert ik.status is IkStatus.OK


def test_a_solver_failure_holds_the_target_and_never_raises(ik, monkeypatch):
    def fail(*args, **kwargs):
        raise module.pink.exceptions.NoSolutionFound(None, None)

    monkeypatch.setattr(module.pink, "solve_ik", fail)
    q = ik.q
    np.testing.assert_array_equal(ik.step_twist(np.full(6, 0.1)), q)
    assert ik.status is IkStatus.NO_SOLUTION


def test_reset_outside_the_limits_is_drawn_inside(ik):
    ik.reset(np.array([9.0, 0, 0, 0.5, 0, 0, 0]))
    assert ik.q[0] == ik.upper[0]
    assert ik.q[3] == ik.upper[3]


def test_wrong_models_are_named(tmp_path):
    with pytest.raises(RobotModelError, match=r"robot panda: .*nowhere\.urdf: expected a URDF file"):
        DifferentialIk(replace(PANDA, urdf=str(tmp_path / "nowhere.urdf")))
    wheel, names = str(wheel_file(PANDA_URDF)), PANDA.joint_names
    with pytest.raises(
        RobotModelError, match=r"no joint named elbow as in the file of panda, expected some of"
    ):
        DifferentialIk(replace(PANDA, urdf=wheel, joint_names=("elbow", *names[1:])))
    with pytest.raises(
        RobotModelError, match=r"no frame named tool as in the file of panda, expected some of"
    ):
        DifferentialIk(replace(PANDA, urdf=wheel, tcp_frame="tool"))
    with pytest.raises(
        RobotModelError, match=r"joints in the order joint2, joint1, .* expected them base to tip"
    ):
        DifferentialIk(replace(PANDA, urdf=wheel, joint_names=(names[1], names[0], *names[2:])))


@pytest.mark.parametrize("name", ["fr3", "fr3v2", "panda"])
def test_every_arm_stays_within_its_own_range(name):
    """The Research 3's elbow stretches less far and its sixth joint begins at half a radian."""
    robot = read_robot(name)
    ik = DifferentialIk(robot)
    up, down = np.array([0, 0, 0.5, 0, 0, 0]), np.array([0, 0, -0.3, 0, -1.0, 0])
    for twist in (up, down):
        ik.reset(np.array(robot.home))
        for _ in range(400):
            ik.step_twist(twist)
            assert (ik.q >= robot.position_min).all() and (ik.q <= robot.position_max).all()


def test_a_step_fits_the_tick(ik):
    took = []
    for k in range(300):
        begin = time.perf_counter_ns()
        ik.step_twist(np.array([0.1 * np.cos(k / 50), 0.1, 0, 0, 0, 0.2]))
        took.append(time.perf_counter_ns() - begin)
    assert (
        np.median(took) < 2_000_000
    )  # ~100 us without the type checks of the test run; an 8 ms tick pays for it
