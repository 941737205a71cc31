import numpy as np
import pytest
from f2o_control.braking import JointState, plan_stop
from hypothesis import given, settings
from hypothesis import strategies as st
from ruckig import ControlInterface, InputParameter, Ruckig, Trajectory

ACCELERATION, JERK = 5.0, 400.0


def stop_from(v, a, q=0.3):
    one = np.ones(1)
    return plan_stop(JointState(q * one, v * one, a * one), ACCELERATION * one, JERK * one)


def ruckig_stop(v, a):
    inp, out = InputParameter(1), Trajectory(1)
    inp.control_interface = ControlInterface.Velocity
    inp.current_position, inp.current_velocity, inp.current_acceleration = [0.3], [v], [a]
    inp.max_acceleration, inp.max_jerk = [ACCELERATION], [JERK]
    Ruckig(1).calculate(inp, out)
    return out


@given(v=st.floats(-3, 3), a=st.floats(-ACCELERATION, ACCELERATION))
@settings(max_examples=200, deadline=None)
def test_the_stop_is_as_short_as_ruckigs_and_ends_in_the_same_place(v, a):
    ours, theirs = stop_from(v, a), ruckig_stop(v, a)
    assert ours.duration == pytest.approx(theirs.duration, abs=1e-6)
    assert ours.at(np.inf).position[0] == pytest.approx(theirs.at_time(theirs.duration)[0][0], abs=1e-7)


@given(v=st.floats(-3, 3), a=st.floats(-ACCELERATION, ACCELERATION))
@settings(max_examples=50, deadline=None)
def test_reach_is_the_extent_of_the_motion_and_limits_hold_on_the_way(v, a):
    plan = stop_from(v, a)
    states = [plan.at(t) for t in np.linspace(0, plan.duration, 150)]
    q = np.array([s.position[0] for s in states])
    low, high = plan.reach
    assert low[0] == pytest.approx(q.min(), abs=1e-5)
    assert high[0] == pytest.approx(q.max(), abs=1e-5)
    assert (low[0] <= q + 1e-12).all() and (q - 1e-12 <= high[0]).all()
    assert max(abs(s.acceleration[0]) for s in states) <= ACCELERATION + 1e-9


def test_rest_is_exact():
    end = stop_from(1.2, -3.0).at(10.0)
    assert (end.velocity[0], end.acceleration[0]) == (0.0, 0.0)
    assert stop_from(0.0, 0.0).duration == 0.0
