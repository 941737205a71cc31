import numpy as np
import pytest
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_sim.controller import GripperController, Trajectory, TrajectoryController
from f2o_sim.errors import TrajectoryError

MS = 1_000_000
Q = np.zeros(7)


def trajectory(times_ms, positions, velocities=None, start_ns=0):
    rows = np.array(positions, float)[:, None] * np.ones(7)
    speeds = None if velocities is None else np.array(velocities, float)[:, None] * np.ones(7)
    return Trajectory(start_ns, np.array(times_ms, np.int64) * MS, rows, speeds)


def test_positions_alone_are_interpolated_linearly():
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100, 200], [1.0, 0.0]), 1000 * MS)
    q, dq = arm.desired(1050 * MS)
    np.testing.assert_allclose(q, 0.5)
    np.testing.assert_allclose(dq, 10.0)
    np.testing.assert_allclose(arm.desired(1150 * MS)[0], 0.5)


def test_velocities_make_it_a_cubic_with_the_given_ends():
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100, 200], [1.0, 1.0], [5.0, 0.0]), 1000 * MS)
    for at_ms, position, velocity in ((1000, 0.0, 0.0), (1100, 1.0, 5.0), (1200, 1.0, 0.0), (1201, 1.0, 0.0)):
        q, dq = arm.desired(at_ms * MS)
        np.testing.assert_allclose((q[0], dq[0]), (position, velocity), atol=1e-12)
    # Hermite basis in the middle of the first segment: p = (p0 + p1) / 2 + T (v0 - v1) / 8
    np.testing.assert_allclose(arm.desired(1050 * MS)[0], 0.5 + 0.1 * (0.0 - 5.0) / 8)
    step = 1000
    q0, q1 = arm.desired(1050 * MS)[0], arm.desired(1050 * MS + step)[0]
    np.testing.assert_allclose((q1 - q0) / (step * 1e-9), arm.desired(1050 * MS)[1], rtol=1e-3)


def test_the_newest_trajectory_replaces_the_old_one_without_a_jump():
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100], [1.0], [5.0]), 1000 * MS)
    before = arm.desired(1060 * MS)
    arm.accept(trajectory([100], [-1.0], [0.0]), 1060 * MS)
    after = arm.desired(1060 * MS)
    np.testing.assert_allclose(before, after)
    np.testing.assert_allclose(arm.desired(1160 * MS)[0], -1.0)


def test_the_arm_stops_at_the_last_point():
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100], [1.0], [5.0]), 1000 * MS)
    q, dq = arm.desired(5000 * MS)
    np.testing.assert_allclose(q, 1.0)
    np.testing.assert_allclose(dq, 0.0)


def test_a_late_trajectory_is_followed_on_the_segment_under_way_and_not_spliced():
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100, 300], [9.0, 1.0], start_ns=900 * MS), 1100 * MS)
    np.testing.assert_allclose(arm.desired(1150 * MS)[0], 3.0)


def test_a_trajectory_that_is_over_is_refused():
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100], [1.0]), 1000 * MS)
    with pytest.raises(TrajectoryError, match=r"it ended 0\.850 s ago"):
        arm.accept(trajectory([100], [2.0], start_ns=100 * MS), 1050 * MS)
    np.testing.assert_allclose(arm.desired(1100 * MS)[0], 1.0)


def test_reset_drops_the_trajectory():
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100], [1.0]), 1000 * MS)
    arm.reset(Q + 0.3)
    np.testing.assert_allclose(arm.desired(1050 * MS)[0], 0.3)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (trajectory([], np.zeros(0)), "expected at least one point, got none"),
        (trajectory([200, 100], [1.0, 2.0]), "time_from_start: expected increasing times"),
        (trajectory([100], [np.nan]), "positions: expected finite numbers"),
        (trajectory([100], [1.0], [np.inf]), "velocities: expected finite numbers"),
    ],
)
def test_malformed_trajectories_are_refused_and_the_old_one_stays(bad, text):
    arm = TrajectoryController(Q)
    arm.accept(trajectory([100], [1.0]), 1000 * MS)
    with pytest.raises(TrajectoryError, match=text):
        arm.accept(bad, 1050 * MS)
    np.testing.assert_allclose(arm.desired(1100 * MS)[0], 1.0)


@pytest.mark.parametrize("robot", ["panda", "fr3", "fr3v2"])
def test_the_gripper_is_as_fast_as_the_robots_file_says(robot):
    assert load_robot(CONFIG / f"robots/{robot}.yaml").gripper.speed == GripperController.SPEED_M_S


def test_the_gripper_moves_at_the_finger_speed_and_within_its_stroke():
    gripper = GripperController(0.08)
    gripper.accept(-1.0, 0)
    assert gripper.desired(200 * MS) == pytest.approx(0.06)
    assert gripper.desired(1000 * MS) == 0.0
    gripper.accept(0.04, 1000 * MS)
    assert gripper.desired(1200 * MS) == pytest.approx(0.02)
    with pytest.raises(TrajectoryError, match=r"expected a number from 0 to 0.08 m, got nan"):
        gripper.accept(float("nan"), 1100 * MS)
