from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from f2o_nodekit.joints import (
    JointStateError,
    joint_order,
    joint_values,
    read_gripper_width,
    read_joint_state,
    read_joint_target,
)
from f2o_nodekit.minimum_jerk import PEAK, duration_s, minimum_jerk

NAN, INF = float("nan"), float("inf")


def state(name, position, velocity=()):
    return SimpleNamespace(name=name, position=position, velocity=velocity, effort=())


def test_joints_are_found_by_name_in_any_order_among_others():
    found = read_joint_state(
        state(["x", "b", "a"], array("d", [9, 2, 1]), np.array([0, 20, 10.0])), ("a", "b")
    )
    assert found.positions.tolist() == [1.0, 2.0]
    assert found.velocities.tolist() == [10.0, 20.0]


def test_a_velocity_that_is_not_said_is_nan():
    assert np.isnan(read_joint_state(state(["a"], [1.0]), ["a"]).velocities).all()
    measured = read_joint_state(state(["a", "b"], [1.0, 2.0], [NAN, 3.0]), ["a", "b"])
    np.testing.assert_equal(measured.velocities, [NAN, 3.0])


def test_what_nobody_asked_for_may_be_anything():
    found = read_joint_state(state(["a", "b", "b"], [1.0, NAN, INF]), ["a"])
    assert found.positions.tolist() == [1.0]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (state(["a", "c"], [1.0, 2.0]), "no position for b, d, only for a, c"),
        (state([], []), "no position for a, b, d, only for nothing"),
        (state(["a", "b", "d", "b"], [1.0] * 4), "b named more than once"),
        (state(["a", "b", "d"], [1.0, NAN, 2.0]), "position of b is not finite"),
        (state(["a", "b", "d"], [1.0, 2.0, INF]), "position of d is not finite"),
        (state(["a", "b", "d"], [0.0] * 3, [0.0, -INF, 0.0]), "velocity of b is not finite"),
        (
            state(["a", "b", "d"], [1.0, 2.0]),
            "expected 3 positions for 3 names and as many velocities or none, got 2 and 0",
        ),
        (
            state(["a", "b", "d"], [1.0] * 3, [1.0]),
            "expected 3 positions for 3 names and as many velocities or none, got 3 and 1",
        ),
    ],
)
def test_a_message_that_cannot_be_used_says_why(message, text):
    with pytest.raises(JointStateError) as told:
        read_joint_state(message, ["a", "b", "d"])
    assert str(told.value) == text


def test_a_refused_message_is_refused_again():
    for _ in range(2):  # the order of names is remembered
        with pytest.raises(JointStateError, match="no position for z"):
            joint_order(["a"], ["z"])


def test_the_width_is_the_sum_of_the_configured_fingers_alone():
    fingers = ("fr3_finger_joint1", "fr3_finger_joint2")
    assert read_gripper_width(state(["fr3_joint1", *fingers], [1.0, 0.01, 0.02]), fingers) == pytest.approx(
        0.03
    )
    with pytest.raises(
        JointStateError, match="no position for fr3_finger_joint1, fr3_finger_joint2, only for a"
    ):
        read_gripper_width(state(["a"], [0.08]), fingers)


def test_a_joint_target_is_read_by_name_too():
    message = SimpleNamespace(joint_names=["b", "a"], joint_positions=[2.0, 1.0], joint_velocities=[])
    assert read_joint_target(message, ("a", "b")).positions.tolist() == [1.0, 2.0]
    assert joint_values(["b", "a"], [2.0, 1.0], [], ["b"]).positions.tolist() == [2.0]


def test_minimum_jerk_rests_at_both_ends_and_is_fastest_half_way():
    assert minimum_jerk(-1.0) == minimum_jerk(0.0) == (0.0, 0.0)
    assert minimum_jerk(2.0) == minimum_jerk(1.0) == (1.0, 0.0)
    assert minimum_jerk(0.5) == (0.5, PEAK)
    times = np.linspace(0, 1, 1001)
    ways, rates = np.array([minimum_jerk(t) for t in times]).T
    np.testing.assert_allclose(np.gradient(ways, times)[1:-1], rates[1:-1], atol=1e-4)
    assert rates.max() == PEAK


def test_a_motion_takes_as_long_as_its_fastest_moment_allows_and_no_less_than_the_shortest():
    assert duration_s(0.8, 0.3, 0.5) == pytest.approx(0.8 * PEAK / 0.3)
    assert duration_s(0.01, 0.3, 0.5) == 0.5
