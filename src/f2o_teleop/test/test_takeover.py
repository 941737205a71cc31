"""The operator takes the arm from the policy by deflecting the device, and gives it back by an act."""

import numpy as np
import pytest
from f2o_nodekit.robot import read_robot
from f2o_nodekit.testing import problems
from f2o_teleop.device import DeviceReading, ScriptedDevice, SpacenavDevice, at_rest
from f2o_teleop.spacemouse import SILENCE_NS, ReportDecoder, SpaceMouse
from f2o_teleop.takeover import Hand, Takeover, TakeoverConfig
from f2o_teleop.teleop import Teleop
from f2o_teleop.teleop_config import TeleopConfig

TICK_NS = 8_000_000
PUSH, TOUCH, REST = np.eye(6)[0] * 0.5, np.eye(6)[0] * 0.1, np.zeros(6)
HOME = read_robot("panda").home
HOME_Q = np.array(HOME)


class Run:
    """Ticks with a bridge that answers, or refuses."""

    def __init__(self, accepts=True, **changes):
        self.takeover = Takeover(TakeoverConfig(enabled=True, **changes))
        self.mode, self.accepts, self.mono_ns, self.asked = "policy", accepts, 10**9, []

    def __call__(self, axes, seconds, **pressed):
        for _ in range(round(seconds / 0.008)):
            self.mono_ns += TICK_NS
            request = self.takeover.tick(Hand(axes, **pressed), self.mode, self.mono_ns)
            if request is not None:
                self.asked.append(request)
                self.mode = ("teleop" if request else "policy") if self.accepts else self.mode
        return self.asked


def test_a_rest_gives_nothing_back_and_an_act_does():
    run = Run()
    run(PUSH, 1.0)
    assert run(REST, 60.0) == [True]
    assert run(REST, 0.008, give_back=True) == [True, False]
    assert run.mode == "policy"
    assert run(REST, 0.008, give_back=True) == [True, False]  # nothing is taken


def test_a_deflection_takes_over_once_and_a_rest_gives_back_where_that_is_configured():
    run = Run(give_back_at_rest=True)
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
    assert Run()(PUSH, 1.0, let_go=False) == []  # something leans on it
    assert Run()(REST, 0.02, gripper=True) == [True]  # the gripper's button is meant


def test_a_refusal_is_asked_again_but_not_at_125_hz():
    assert Run(accepts=False)(PUSH, 1.6) == [True] * 4
    run = Run(give_back_at_rest=True)
    run(PUSH, 0.1)
    run.accepts = False  # the policy has died
    assert run(REST, 2.2) == [True, False, False, False, False]
    assert run.mode == "teleop"


def test_a_policy_that_died_can_be_rescued_and_an_arm_armed_for_teleop_is_not_given_away():
    run = Run()
    run.mode = "hold"
    assert run(PUSH, 0.1) == [True]
    armed = Run(give_back_at_rest=True)
    armed.mode = "teleop"
    assert armed(REST, 3.0) == []
    taken = Run(give_back_at_rest=True)
    taken(PUSH, 0.1)
    taken.mode = "disarmed"
    taken(REST, 1.0)
    taken.mode = "teleop"  # armed anew
    assert taken(REST, 3.0) == [True]


def test_off_unless_asked_for():
    takeover = Takeover(TakeoverConfig())
    assert all(
        takeover.tick(Hand(PUSH, gripper=True, give_back=True), "policy", k * TICK_NS) is None
        for k in range(100)
    )
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


class Device:
    """A device in the hands of a test."""

    def __init__(self):
        self.reading = at_rest()

    def read(self, mono_ns, following):
        return self.reading

    def close(self):
        pass


class Desk:
    """An operator beside a policy, and a bridge that does what it is asked and holds where no targets come."""

    def __init__(self, device, mode="policy", **takeover):
        config = TeleopConfig(
            takeover=TakeoverConfig(enabled=mode == "policy", **takeover), keys={"b": "give_back"}
        )
        self.device, self.teleop = device, Teleop(config, device)
        self.teleop.offer_width(0.04)
        self.mode, self.mono_ns, self.q, self.asked, self.last_target_ns = mode, 10**9, HOME_Q, [], 0

    def tick(self):
        self.mono_ns += TICK_NS
        self.teleop.mode = self.mode
        self.teleop.offer_joints(HOME_Q if self.mode != "teleop" else self.q, self.mono_ns)
        tick = self.teleop.tick(self.mono_ns)
        if tick.take_over is not None:
            self.asked.append(tick.take_over)
            self.mode = "teleop" if tick.take_over else "policy"
        if tick.target is not None:
            self.last_target_ns, self.q = self.mono_ns, tick.target.positions
        elif self.mode == "teleop" and self.mono_ns - self.last_target_ns > 100_000_000:
            self.mode = "hold"
        return tick

    def run(self, seconds, reading=None):
        if reading is not None:
            self.device.reading = reading
        return [self.tick() for _ in range(round(seconds / 0.008))]

    def moved(self):
        return float(np.abs(self.q - HOME_Q).max())

    def take(self):
        """Push, let go once, push: the arm is the operator's and moves."""
        for axes, seconds in ((REST, 0.2), (PUSH, 0.3), (REST, 0.2), (PUSH, 0.3)):
            self.run(seconds, DeviceReading(axes))
        assert self.asked == [True] and self.moved() > 0.01


@pytest.mark.parametrize("at_rest_gives_back", [False, True])
def test_a_device_that_is_unplugged_in_a_takeover_is_not_a_person_at_rest(at_rest_gives_back):
    desk = Desk(Device(), give_back_at_rest=at_rest_gives_back)
    desk.take()
    gone = desk.run(3.0, at_rest("SpaceMouse: disappeared (read error)"))
    assert all(tick.target is None and tick.take_over is None for tick in gone)
    assert desk.asked == [True] and desk.mode == "hold"
    told = "no targets, the bridge holds: SpaceMouse: disappeared (read error)"
    assert desk.teleop.no_target(desk.mono_ns, "") == (2, told)
    assert desk.teleop.values()["device"] == "gone"
    by = "at rest for 0.5 s" if at_rest_gives_back else "by an act"
    assert desk.teleop.values()["gives_back"] == by
    desk.mode = "teleop"  # it comes back within resume_s: the bridge resumes
    desk.run(0.4, DeviceReading(REST))
    assert desk.asked == [True]  # the time for which it was gone is no rest
    assert desk.run(0.3)[-1].target is not None
    assert desk.asked == ([True, False] if at_rest_gives_back else [True])


def test_while_it_is_gone_no_button_is_released():
    desk = Desk(Device())
    desk.take()
    held = DeviceReading(PUSH, (False, True))
    assert all(not tick.commands for tick in desk.run(0.5, held))
    assert all(not tick.commands for tick in desk.run(0.5, at_rest("gone")))
    assert all(not tick.commands for tick in desk.run(0.5, DeviceReading(REST)))


def test_a_key_gives_back_without_a_device():
    desk = Desk(Device())
    desk.take()
    desk.run(0.2, DeviceReading(REST))
    assert desk.asked == [True]
    desk.teleop.offer_key("b")
    desk.run(0.1)
    assert desk.asked == [True, False] and desk.mode == "policy"


@pytest.mark.parametrize("mode", ["teleop", "policy"])
def test_a_device_that_errs_or_is_silent_sends_no_target(mode):
    spacenav = SpacenavDevice()
    desk = Desk(spacenav, mode)
    for k in range(100):
        spacenav.offer_axes(REST if k < 50 else PUSH, desk.mono_ns)
        tick = desk.tick()
        assert tick.target is not None
    assert desk.mode == "teleop"
    assert [tick.target is None for tick in desk.run(0.4)] == [False] * 24 + [True] * 26  # 0.2 s of silence
    assert desk.mode == "hold"


def test_a_spacemouse_that_is_deflected_and_falls_silent_sends_no_target():
    mouse = SpaceMouse(lambda: (_ for _ in ()).throw(OSError("never opened")))
    mouse.close()
    decoder = ReportDecoder()
    desk = Desk(mouse, "teleop")
    mouse._newest = (decoder.reading(), desk.mono_ns)
    assert desk.run(0.3)[-1].target is not None  # at rest it need not report
    decoder.feed(bytes.fromhex("01 5e01 0000 0000"))
    mouse._newest = (decoder.reading(), desk.mono_ns)
    targets = [tick.target is not None for tick in desk.run(0.4)]
    assert sum(targets) == SILENCE_NS // TICK_NS and targets == sorted(targets, reverse=True)


def test_an_arm_that_is_armed_while_something_leans_on_the_device_stands_still():
    desk = Desk(Device(), "disarmed")
    desk.run(0.8, DeviceReading(PUSH))
    assert desk.teleop.no_target(desk.mono_ns, "") == (1, "let go of the SpaceMouse once")
    desk.mode = "teleop"
    desk.run(5.0)
    assert desk.moved() == 0.0
    assert desk.teleop.values()["device"] == "to be let go"
    assert desk.teleop.no_target(desk.mono_ns, "") == (1, "let go of the SpaceMouse once")
    desk.run(0.05, DeviceReading(REST))
    desk.run(0.5, DeviceReading(PUSH))
    assert desk.moved() == 0.0  # a passage through neutral is no letting go
    desk.run(0.12, DeviceReading(REST))
    assert desk.teleop.no_target(desk.mono_ns, "") == (0, "")
    desk.run(0.5, DeviceReading(PUSH))
    assert desk.moved() > 0.01


def test_a_hand_that_is_off_the_device_when_it_arms_may_push_at_once():
    desk = Desk(Device(), "disarmed")
    desk.run(0.2)
    desk.mode = "teleop"
    desk.run(0.1, DeviceReading(PUSH))
    assert desk.moved() > 0.001


def test_the_push_that_takes_over_does_not_move_the_arm_until_it_is_let_go():
    desk = Desk(Device())
    desk.run(0.2)
    desk.run(2.0, DeviceReading(PUSH))
    assert desk.asked == [True] and desk.moved() == 0.0
    desk.run(0.2, DeviceReading(REST))
    desk.run(0.2, DeviceReading(PUSH))
    assert desk.moved() > 0.005


def test_what_leans_on_the_device_does_not_take_over():
    desk = Desk(Device())
    desk.run(2.0, DeviceReading(PUSH))
    assert desk.asked == [] and desk.mode == "policy"
    desk.teleop.offer_key("b")
    desk.take()
    desk.teleop.offer_key("b")
    desk.run(2.0)
    assert desk.asked == [True, False]  # given back while it is deflected: it is not taken again


def test_a_device_that_comes_back_deflected_moves_nothing():
    desk = Desk(Device())
    desk.take()
    desk.run(0.05, at_rest("gone"))  # too short for the bridge to hold
    at = desk.q
    desk.run(0.5, DeviceReading(PUSH))
    assert desk.mode == "teleop" and np.array_equal(desk.q, at)


def test_a_short_rest_before_the_device_was_gone_is_no_part_of_a_rest_after_it():
    desk = Desk(Device(), give_back_at_rest=True)
    desk.take()
    desk.run(0.4, DeviceReading(REST))
    desk.run(0.08, at_rest("gone"))  # too short for the bridge to hold
    desk.run(0.4, DeviceReading(REST))
    assert desk.asked == [True]
    desk.run(0.2)
    assert desk.asked == [True, False]
