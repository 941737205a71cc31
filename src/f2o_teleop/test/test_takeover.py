"""The operator takes the arm from the policy by deflecting the device, and gives it back by resting."""

import numpy as np
import pytest
from f2o_nodekit.testing import problems
from f2o_teleop.device import DeviceReading, ScriptedDevice
from f2o_teleop.ik import HOME
from f2o_teleop.takeover import Takeover, TakeoverConfig
from f2o_teleop.teleop import Teleop
from f2o_teleop.teleop_config import TeleopConfig

TICK_NS = 8_000_000
PUSH, TOUCH, REST = np.eye(6)[0] * 0.5, np.eye(6)[0] * 0.1, np.zeros(6)
HOME_Q = np.array(HOME)


class Run:
    """Ticks with a bridge that answers, or refuses."""

    def __init__(self, accepts=True, **changes):
        self.takeover = Takeover(TakeoverConfig(enabled=True, **changes))
        self.mode, self.accepts, self.mono_ns, self.asked = "policy", accepts, 10**9, []

    def __call__(self, axes, seconds, pressed=False):
        for _ in range(round(seconds / 0.008)):
            self.mono_ns += TICK_NS
            request = self.takeover.tick(axes, pressed, self.mode, self.mono_ns)
            if request is not None:
                self.asked.append(request)
                self.mode = ("teleop" if request else "policy") if self.accepts else self.mode
        return self.asked


def test_a_deflection_takes_over_once_and_a_rest_gives_back():
    run = Run()
    assert run(REST, 2.0) == []
    assert run(PUSH, 1.0) == [True]
    assert run.mode == "teleop"
    assert run(REST, 0.4) == [True]  # a short pause is a pause
    assert run(PUSH, 0.5) == [True]
    assert run(TOUCH, 1.0) == [True]  # a light touch keeps the arm
    assert run(REST, 0.6) == [True, False]
    assert run.mode == "policy"
    assert run(REST, 2.0) == [True, False]


def test_a_brief_deflection_and_a_touch_do_not():
    run = Run()
    run(PUSH, 0.04)
    run(REST, 0.1)
    assert run(TOUCH, 1.0) == []
    assert Run()(REST, 0.02, pressed=True) == [True]  # the gripper's button is meant


def test_a_refusal_is_asked_again_but_not_at_125_hz():
    assert Run(accepts=False)(PUSH, 1.6) == [True] * 4
    run = Run()
    run(PUSH, 0.1)
    run.accepts = False  # the policy has died
    assert run(REST, 2.2) == [True, False, False, False, False]
    assert run.mode == "teleop"


def test_a_policy_that_died_can_be_rescued_and_an_arm_armed_for_teleop_is_not_given_away():
    run = Run()
    run.mode = "hold"
    assert run(PUSH, 0.1) == [True]
    armed = Run()
    armed.mode = "teleop"
    assert armed(REST, 3.0) == []
    taken = Run()
    taken(PUSH, 0.1)
    taken.mode = "disarmed"
    taken(REST, 1.0)
    taken.mode = "teleop"  # armed anew
    assert taken(REST, 3.0) == [True]


def test_off_unless_asked_for():
    takeover = Takeover(TakeoverConfig())
    assert all(takeover.tick(PUSH, True, "policy", k * TICK_NS) is None for k in range(100))
    assert problems(TakeoverConfig, deflection=0.0, release_s=0.0) == [
        "deflection: expected a number above 0 and below 1, got 0.0",
        "release_s: expected a number above 0, got 0.0",
    ]


@pytest.fixture
def teleop():
    config = TeleopConfig(takeover=TakeoverConfig(enabled=True))
    teleop = Teleop(config, ScriptedDevice(lambda t: DeviceReading(np.eye(6)[2] * (t > 0.0))))
    teleop.offer_width(0.031)
    teleop.offer_joints(HOME_Q, 0)
    return teleop


def test_it_begins_at_the_last_command_arm_and_gripper(teleop):
    """The servo sags 5 mrad, and the fingers hold something 31 mm wide while closing is commanded."""
    sent = HOME_Q + 0.005
    teleop.mode = "policy"
    teleop.offer_command(sent, 0.0, 0)
    target = teleop.tick(TICK_NS).target
    np.testing.assert_allclose(target.positions, sent)
    assert target.gripper_width == 0.0
    teleop.mode = "teleop"
    first = teleop.tick(2 * TICK_NS).target
    assert np.abs(first.positions - sent).max() < 2e-3
    assert first.gripper_width == 0.0  # it does not let go


def test_without_a_fresh_command_it_begins_where_the_arm_is(teleop):
    teleop.mode = "policy"
    teleop.offer_command(HOME_Q + 0.1, 0.0, 0)
    teleop.offer_joints(HOME_Q, 10**9)
    target = teleop.tick(10**9).target
    np.testing.assert_allclose(target.positions, HOME_Q)
    assert target.gripper_width == 0.031
