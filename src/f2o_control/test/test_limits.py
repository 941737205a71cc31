"""Velocity bounds, and what profiles make of them."""

import numpy as np
import pytest
from f2o_control.errors import UnknownProfileError
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG

# libfranka's computeUpperLimitsJointVelocity and ...Lower..., evaluated with a pocket calculator
# joint, position, up, down [rad/s]
LIBFRANKA = [
    (0, 0.0, 2.62 - 1e-3, 2.62 - 1e-3),
    (0, 2.5501, -0.30 + (12.0 * 0.2) ** 0.5 - 1e-3, 2.62 - 1e-3),
    (1, 1.5, -0.20 + (5.17 * 0.2918) ** 0.5 - 1e-3, 2.62 - 1e-3),
    (3, -2.8481, 2.62 - 1e-3, -0.30 + (8.0 * 0.2) ** 0.5 - 1e-3),
    (5, 0.84092, 4.18 - 1e-3, -0.35 + (11.0 * 0.3) ** 0.5 - 1e-3),
    (1, 1.7918, 0.0, 2.62 - 1e-3),
]


@pytest.fixture
def fr3():
    return load_robot(CONFIG / "robots/fr3.yaml")


@pytest.mark.parametrize(("joint", "position", "up", "down"), LIBFRANKA)
def test_the_velocity_bounds_of_an_fr3_are_libfrankas_scaled(fr3, joint, position, up, down):
    q = np.array(fr3.home)
    q[joint] = position
    limits = fr3.limits("normal")
    got_down, got_up = limits.fastest(q)
    assert got_up[joint] == pytest.approx(max(0.0, min(up * 0.5, limits.velocity[joint])), abs=1e-12)
    assert got_down[joint] == pytest.approx(max(0.0, min(down * 0.5, limits.velocity[joint])), abs=1e-12)


def test_the_velocity_of_a_panda_is_the_same_everywhere_and_leaves_room_for_lost_packets(panda, home):
    limits = panda.limits("full")
    assert np.array_equal(limits.fastest(home)[0], limits.velocity)
    assert limits.velocity[0] == pytest.approx(2.1750 - 0.003 * 15.0 - 1e-3)


@pytest.mark.parametrize("profile", ["cautious", "normal", "full"])
def test_a_stop_from_the_highest_speed_takes_035_s_at_most(robot, profile):
    from f2o_control.braking import JointState, plan_stop

    limits = robot.limits(profile)
    for sign in (-1.0, 1.0):
        fast = limits.velocity - limits.acceleration**2 / (2 * limits.jerk)  # and still accelerating
        start = JointState(np.array(robot.home), sign * fast, sign * limits.acceleration)
        assert plan_stop(start, limits.acceleration, limits.jerk).duration <= 0.342


def test_profiles_scale_and_an_unknown_one_is_named(robot):
    cautious, normal, full = (robot.limits(name) for name in ("cautious", "normal", "full"))
    assert (cautious.velocity < normal.velocity).all() and (normal.velocity < full.velocity).all()
    assert robot.limits().velocity.tolist() == normal.velocity.tolist()
    with pytest.raises(UnknownProfileError, match=r"expected cautious or full or normal .*, got 'brave'"):
        robot.limits("brave")
