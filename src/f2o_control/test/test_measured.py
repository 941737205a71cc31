"""What is measured of the arm, and whether it goes where it is sent."""

import numpy as np
import pytest
from f2o_control.measured import HeldJoints, MeasuredJoints, TrackingMonitor

S = 1_000_000_000
NAMES = ("a", "b")


@pytest.fixture
def joints():
    return MeasuredJoints(NAMES, "/joints", 0.2, np.full(len(NAMES), 2.0))


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


def test_stamps_that_do_not_advance_are_told(joints):
    for at_s in (5, 5.1, 5.2, 5.3):
        joints.offer(np.array([1.0, 2.0]), round(at_s * S), 50 * S)
    assert joints.standing_still(round(5.15 * S)) == ""
    told = "joint states come on /joints, their stamps have not advanced for 0.3 s"
    assert joints.standing_still(round(5.3 * S)) == joints.unfit(round(5.3 * S)) == told
    joints.offer(np.array([1.0, 2.0]), round(5.4 * S), 51 * S)
    assert joints.standing_still(6 * S) == ""


def test_an_arm_may_lag_for_a_while_and_the_joint_that_stays_behind_is_named():
    monitor, command = TrackingMonitor(NAMES, 0.15, 0.25), np.zeros(2)
    behind, near = np.array([0.0, -0.2]), np.array([0.0, -0.1])
    assert monitor.problem(command, behind, 0) == ""
    assert monitor.problem(command, near, S // 5) == ""  # it came nearer: the time begins anew
    assert monitor.problem(command, behind, S // 4) == ""
    assert monitor.problem(command, behind, S // 2 - 1) == ""
    expected = "the arm does not follow: b is 0.20 rad from its command"
    assert monitor.problem(command, behind, S // 2) == expected


MS, S = 1_000_000, 1_000_000_000
HOME = np.zeros(len(NAMES))


def fed(joints, rows, begin=S, step=8 * MS):
    for number, (position, stamp_ns) in enumerate(rows):
        mono = begin + number * step
        joints.offer(
            np.asarray(position, float), mono, stamp_ns + number * step if stamp_ns else 0, mono + 7 * S
        )
    return begin + (len(rows) - 1) * step


def test_stamps_of_yesterday_are_a_bag_and_are_not_taken(joints):
    now = fed(joints, [(HOME, 8 * S), (HOME + 1.2, 8 * S - 86400 * S)] * 10)
    assert np.array_equal(joints.position, HOME)
    assert joints.unfit(now) == (
        "joint states on /joints are stamped 86400.000 s ago: late, another clock, or a bag that is played"
    )
    assert joints.doubted == 10
    assert "jump" not in joints.unfit(now)


def test_stamps_ahead_of_their_arrival_are_another_clock(joints):
    now = fed(joints, [(HOME, 8 * S + 30 * MS)])
    assert joints.unfit(now).startswith("joint states on /joints are stamped 0.030 s ahead: another clock")


def test_positions_that_jump_are_two_publishers(joints):
    away = HOME.copy()
    away[1] = 0.6
    now = fed(joints, [(HOME, 8 * S), (away, 8 * S)] * 10)
    text = f"joint states on /joints jump, {NAMES[1]} by 0.60 rad within 8 ms: two publishers, or another arm"
    assert joints.unfit(now) == joints.doubt(now) == text
    assert joints.doubt(now + 400 * MS) == text and joints.doubt(now + 600 * MS) == ""


def test_an_arm_as_fast_as_it_can_be_does_not_jump(joints):
    rows = [(HOME + 2.0 * 0.008 * k, 8 * S) for k in range(50)]
    now = fed(joints, rows)
    assert joints.doubt(now) == ""
    assert joints.moving(now).startswith(f"the arm moves: {NAMES[0]} by 0.4")
    assert joints.moving(now + 300 * MS) == ""


def test_noise_is_no_motion(joints):
    rng = np.random.default_rng(0)
    now = fed(joints, [(rng.normal(0, 1e-3, len(NAMES)), 8 * S) for _ in range(40)])
    assert joints.moving(now) == "" and joints.unfit(now) == ""


def told_and_measured(seconds, told, measured):
    """What the monitor says in the end of two motions, functions of time, of joint 2."""
    monitor, said = TrackingMonitor(NAMES, 0.15, 0.25), []
    for tick in range(round(seconds / 0.008)):
        rows = [np.eye(len(NAMES))[1] * motion(tick * 0.008) for motion in (told, measured)]
        said.append(monitor.problem(*rows, S + tick * 8 * MS))
    return said


def swing(t):
    return 0.1 * np.sin(2.5 * t)


def test_an_arm_that_stands_while_its_commands_swing_is_named_with_its_joint():
    said = told_and_measured(2.0, swing, lambda t: 0.0)
    first = next(k for k, text in enumerate(said) if text)
    assert first * 0.008 < 0.8
    assert said[first].startswith(
        f"the arm does not follow: {NAMES[1]} moved 0.000 rad while its commands went 0."
    )
    assert said[first].endswith("; stopped, or frozen joint states")


@pytest.mark.parametrize("measured", [
    swing,
    lambda t: swing(max(t - 0.25, 0.0)),  # late
    lambda t: 0.3 * swing(t),  # weak
], ids=["exact", "late", "weak"])  # fmt: skip
def test_an_arm_that_follows_late_or_badly_is_no_arm_that_stands(measured):
    assert set(told_and_measured(4.0, swing, measured)) == {""}


def test_small_commands_and_pauses_tell_nothing():
    assert set(told_and_measured(3.0, lambda t: 0.02 * np.sin(2.5 * t), lambda t: 0.0)) == {""}
    monitor, away = TrackingMonitor(NAMES, 0.15, 0.25), np.eye(len(NAMES))[1] * 0.1
    assert monitor.problem(HOME, HOME, S) == ""
    assert all(monitor.problem(away, HOME, 9 * S + k * 8 * MS) == "" for k in range(200))  # armed again


def test_what_a_controller_holds_elsewhere_is_named_while_it_is_news():
    held, away = HeldJoints(NAMES, 0.2), np.eye(len(NAMES))[1] * 0.2
    assert held.contradicts(HOME, S) == ""  # not heard
    held.offer(away, S)
    held.offer(np.full(len(NAMES), np.nan), S)
    text = f"the controller holds {NAMES[1]} at 0.20 rad, joint states say 0.00 rad"
    assert held.contradicts(HOME, S) == held.contradicts(HOME, S + 200 * MS) == text
    assert held.contradicts(HOME, S + 201 * MS) == ""
    assert held.contradicts(away * 0.8, S) == ""
