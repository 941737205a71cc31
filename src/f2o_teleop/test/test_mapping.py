import numpy as np
import pytest
from f2o_nodekit.testing import problems
from f2o_teleop.mapping import ButtonConfig, ButtonRequests, Buttons, MappingConfig, TwistMapping
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

S = 10**9
deflections = arrays(np.float64, 6, elements=st.floats(-1.0, 1.0))


def one(axis, value):
    axes = np.zeros(6)
    axes[axis] = value
    return axes


def test_the_dead_zone_does_nothing_and_the_rest_starts_at_zero():
    mapping = TwistMapping(MappingConfig(dead_zone=0.1, exponent=1.0))
    assert mapping(one(0, 0.1))[0] == 0.0
    assert 0 < mapping(one(0, 0.101))[0] < 1e-3
    assert mapping(one(0, -1.0))[0] == pytest.approx(-0.25)
    assert mapping(one(5, 1.0))[5] == pytest.approx(0.6)


def test_the_curve_is_finer_near_rest():
    straight, curved = (TwistMapping(MappingConfig(dead_zone=0.0, exponent=e)) for e in (1.0, 2.0))
    assert curved(one(2, 0.5))[2] == pytest.approx(straight(one(2, 0.5))[2] / 2)


@given(deflections)
def test_no_direction_is_faster_than_the_caps(axes):
    twist = TwistMapping(MappingConfig())(axes)
    assert np.linalg.norm(twist[:3]) <= 0.25 + 1e-12
    assert np.linalg.norm(twist[3:]) <= 0.6 + 1e-12


@given(deflections)
def test_opposite_deflections_give_opposite_twists(axes):
    mapping = TwistMapping(MappingConfig())
    np.testing.assert_allclose(mapping(-axes), -mapping(axes))


def test_axes_are_permuted_and_signed():
    config = MappingConfig(dead_zone=0.0, exponent=1.0, axes=("-y", "+x", "+z", "+yaw", "+pitch", "-roll"))
    np.testing.assert_allclose(TwistMapping(config)(one(1, 1.0)), one(0, -0.25))
    np.testing.assert_allclose(TwistMapping(config)(one(3, 0.5)), one(5, -0.3))


def test_wrong_mappings_are_explained():
    assert problems(MappingConfig) == []
    wrong = problems(MappingConfig, dead_zone=1.0, exponent=0.0, axes=("x",) * 6)
    assert wrong[:2] == [
        "dead_zone: expected a number of at least 0 and below 1, got 1.0",
        "exponent: expected a number above 0, got 0.0",
    ]
    assert wrong[2].startswith("axes: expected six of +x, -x, +y")
    assert problems(ButtonConfig, gripper=1, debounce_s=1.0) == [
        "gripper: expected each button once, got [1, 1]",
        "debounce_s: expected less than long_press_s (0.8), got 1",
    ]


def play(buttons, events, recording=False):
    """Feeds (time s, pressed) events of a two-button device; returns the requests that ask for something."""
    updates = (buttons.update(pressed, recording, round(t * S)) for t, pressed in events)
    return [request for request in updates if request != ButtonRequests()]


def test_the_gripper_toggles_once_a_press_and_bounces_are_ignored():
    on, off = (True, False), (False, False)
    requests = play(
        Buttons(ButtonConfig()), [(0, on), (0.01, off), (0.02, on), (0.5, on), (1.0, off), (1.5, on)]
    )
    assert requests == [ButtonRequests(toggle_gripper=True)] * 2


@pytest.mark.parametrize(
    ("held_s", "recording", "command"),
    [(0.3, False, "start"), (0.3, True, "success"), (1.0, True, "discard"), (1.0, False, "discard")],
)
def test_the_record_button(held_s, recording, command):
    events = [(0, (False, True)), (held_s, (False, False))]
    assert play(Buttons(ButtonConfig()), events, recording) == [ButtonRequests(commands=(command,))]


def test_devices_with_more_buttons_label_directly():
    config = ButtonConfig(stop=4, success=5, failure=6)
    assert play(Buttons(config), [(0, (False,) * 4 + (True,))]) == [ButtonRequests(commands=("stop",))]
    assert play(Buttons(config), [(0, (False,) * 6 + (True,))]) == [ButtonRequests(commands=("failure",))]
    assert play(Buttons(config), [(0, (True,))]) == [
        ButtonRequests(toggle_gripper=True)
    ]  # fewer buttons than mapped
