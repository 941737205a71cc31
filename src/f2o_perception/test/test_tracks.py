import numpy as np
import pytest
from f2o_perception.tracks import CAPACITY, GripperTrack, JointTrack
from hypothesis import given
from hypothesis import strategies as st
from scenes import MS, gripper, joints

UNSAID = np.full(7, np.nan)


def track(*samples, gap_ms=100, extrapolation_ms=10):
    out = JointTrack(gap_ms * MS, extrapolation_ms * MS)
    for sample in samples:
        out.push(sample)
    return out


@given(st.integers(0, 80 * MS), st.floats(-2, 2), st.floats(-2, 2))
def test_positions_and_velocities_are_linear_in_between(stamp, start, slope):
    at = lambda t: joints(t, np.full(7, start + slope * t * 1e-9), np.full(7, slope))  # noqa: E731
    found = track(*(at(k * 8 * MS) for k in range(11))).at(stamp)
    np.testing.assert_allclose(found.positions, start + slope * stamp * 1e-9, atol=1e-9)
    np.testing.assert_allclose(found.velocities, slope, atol=1e-9)
    assert found.stamp_ros_ns == stamp


def test_a_sample_at_the_stamp_is_itself():
    sample = joints(16 * MS, np.arange(7.0))
    assert track(joints(8 * MS), sample, joints(24 * MS)).at(16 * MS) is sample


def test_velocity_that_is_not_said_is_the_slope():
    moving = track(joints(0, np.zeros(7), UNSAID), joints(10 * MS, np.full(7, 0.1), UNSAID))
    np.testing.assert_allclose(moving.at(5 * MS).velocities, 10.0)
    np.testing.assert_allclose(moving.at(10 * MS).velocities, 10.0)
    np.testing.assert_allclose(moving.at(15 * MS).positions, 0.15)


def test_extrapolation_goes_ten_milliseconds_and_no_further():
    moving = track(joints(0, np.zeros(7), np.ones(7)), joints(8 * MS, np.full(7, 0.008), np.ones(7)))
    np.testing.assert_allclose(moving.at(18 * MS).positions, 0.018, atol=1e-12)
    assert moving.at(18 * MS + 1) is None
    assert not moving.covers(9 * MS)
    assert moving.covers(8 * MS)


@pytest.mark.parametrize("stamp", [-1, 50 * MS])
def test_before_the_first_sample_and_inside_a_gap_there_is_nothing(stamp):
    assert track(joints(0), joints(101 * MS)).at(stamp) is None


def test_an_empty_track_has_nothing():
    assert track().at(0) is None
    assert track(joints(0)).at(1) is None  # one sample has no slope


def test_a_track_is_bounded():
    long = track(*(joints(k * MS) for k in range(3 * CAPACITY)))
    assert len(long._samples) <= CAPACITY
    assert long.newest_ros_ns == (3 * CAPACITY - 1) * MS
    assert long.at((3 * CAPACITY - 500) * MS) is not None


def test_the_gripper_holds_what_it_last_said():
    track = GripperTrack(1000 * MS)
    assert track.at(0) is None
    for stamp, width in ((0, 0.08), (67 * MS, 0.05), (133 * MS, 0.02)):
        track.push(gripper(stamp, width))
    assert [track.at(t * MS).width_m for t in (0, 66, 67, 132, 133, 1133)] == [
        0.08,
        0.08,
        0.05,
        0.05,
        0.02,
        0.02,
    ]
    assert track.at(1134 * MS) is None
    assert track.at(-1) is None
