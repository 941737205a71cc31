"""What is measured of the arm, and whether it goes where it is sent."""

import numpy as np
import pytest
from f2o_control.measured import MeasuredJoints, TrackingMonitor

S = 1_000_000_000
NAMES = ("a", "b")


@pytest.fixture
def joints():
    return MeasuredJoints(NAMES, "/joints", 0.2)


def test_before_the_first_there_is_no_position_and_no_motion_may_begin(joints):
    assert joints.position is None and joints.age_s(5 * S) == np.inf
    assert joints.unfit(5 * S) == "no joint states with a, b on /joints yet"


def test_the_newest_counts_for_as_long_as_it_is_fresh(joints):
    joints.offer(np.array([1.0, 2.0]), 5 * S, 0)
    assert joints.position.tolist() == [1.0, 2.0]
    assert (joints.stale(5 * S + S // 5), joints.unfit(5 * S + S // 5)) == ("", "")
    assert joints.stale(6 * S) == "no joint states for 1.000 s"
    assert joints.unfit(6 * S) == "the last joint states on /joints came 1.0 s ago (limit 0.2 s)"


def test_what_is_not_finite_or_older_changes_nothing(joints):
    joints.offer(np.array([1.0, 2.0]), 5 * S, 50 * S)
    for positions, stamp_ns in (([np.nan, 0.0], 51 * S), ([3.0, 4.0], 50 * S), ([3.0, 4.0], 50 * S - 1)):
        joints.offer(np.array(positions), 6 * S, stamp_ns)
    assert joints.position.tolist() == [1.0, 2.0] and joints.age_s(6 * S) == 1.0
    joints.offer(np.array([3.0, 4.0]), 6 * S, 40 * S)  # the arm's clock was set
    assert joints.position.tolist() == [3.0, 4.0]


def test_an_arm_may_lag_for_a_while_and_the_joint_that_stays_behind_is_named():
    monitor, command = TrackingMonitor(NAMES, 0.15, 0.25), np.zeros(2)
    behind, near = np.array([0.0, -0.2]), np.array([0.0, -0.1])
    assert monitor.problem(command, behind, 0) == ""
    assert monitor.problem(command, near, S // 5) == ""  # it came nearer: the time begins anew
    assert monitor.problem(command, behind, S // 4) == ""
    assert monitor.problem(command, behind, S // 2 - 1) == ""
    expected = "the arm does not follow: b is 0.20 rad from its command"
    assert monitor.problem(command, behind, S // 2) == expected
