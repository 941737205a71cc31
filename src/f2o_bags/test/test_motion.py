"""When an arm moves and when it rests."""

import numpy as np
import pytest
from f2o_bags.motion import Motion, Stillness

MS = 1_000_000
NAMES = ("joint1", "joint2", "gripper_width")


def motion(*columns):
    rows = np.array(columns, np.float64).T
    return Motion("/f2o/joint_command", NAMES, np.arange(len(rows)) * 10 * MS, rows)


def test_it_moves_from_the_last_rest_to_the_first_one():
    joint = [0.0, 0.0, 0.0, 0.1, 0.2, 0.2, 0.2]
    assert motion(joint, [0.0] * 7, [0.08] * 7).moving() == (20 * MS, 40 * MS)


def test_a_gripper_is_judged_in_metres():
    still, rad = [0.0] * 5, [0.0, 0.0, 0.0015, 0.0015, 0.0015]
    assert motion(rad, still, still).moving() is None  # within 2 mrad
    assert motion(still, still, rad).moving() == (10 * MS, 20 * MS)  # beyond 1 mm


def test_noise_is_rest_and_a_slow_drift_is_not():
    noise = np.random.default_rng(0).uniform(-5e-4, 5e-4, 1000)
    assert motion(noise, noise, np.full(1000, 0.08)).moving() is None
    drift = motion(np.arange(1000) * 1.5e-4, np.zeros(1000), np.full(1000, 0.08))  # 2 mrad in 13.3 samples
    assert drift.moving() == (13 * 10 * MS, 986 * 10 * MS)
    assert {end - begin for begin, end in drift.rests()} == {13 * 10 * MS, 5 * 10 * MS}


def test_rests_cover_everything_and_the_threshold_is_one_value():
    joint = [0.0] * 10 + [0.1] * 20 + [0.2] * 5
    zeros = np.zeros(35)
    assert list(motion(joint, zeros, zeros).rests()) == [
        (0, 90 * MS),
        (100 * MS, 290 * MS),
        (300 * MS, 340 * MS),
    ]
    assert list(motion(joint, zeros, zeros).rests(Stillness(joints_rad=0.15))) == [
        (0, 290 * MS),
        (300 * MS, 340 * MS),
    ]
    assert motion(joint, zeros, zeros).moving(Stillness(joints_rad=1.0)) is None


@pytest.mark.parametrize("rows", [1, 2])
def test_a_single_pose_is_rest(rows):
    assert motion(*[[0.5] * rows] * 3).moving() is None
    assert list(motion(*[[0.5] * rows] * 3).rests()) == [(0, (rows - 1) * 10 * MS)]
