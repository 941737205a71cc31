"""In a fault the arm does not keep pressing: f2o_control.relief, with the bridge, and as the arm executes it."""

import numpy as np
import pytest
from f2o_control.relief import ARRIVED_RAD, GIVE_RAD, PRESSING_RAD
from f2o_control.robot import load_robot
from f2o_control.state import Mode
from f2o_control.testing import CONFIG, violations
from f2o_control.testing.executed import WHOLE, TimedBridge, swing
from f2o_control.testing.rig import Rig
from jaxtyping import config


@pytest.fixture(autouse=True)
def fast():
    """Shapes are checked elsewhere; here they cost several times what the code does."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


REFLEX = "the arm stopped by itself: cartesian_reflex"


class Wall(Rig):
    """A bridge on hold whose arm something holds ``short`` of its command in joint 1, as encoders tell it."""

    def __init__(self, robot, short=0.05):
        super().__init__(robot)
        self.held_at, self.noise, self.random = None, 1e-5, np.random.default_rng(1)
        self.run(0.3)
        assert self.arm().accepted
        self.run(0.6)
        self.targets = False
        self.run(0.5)
        self.follows, self.held_at = False, self.commands[-1].copy()
        self.held_at[0] -= short
        self.run(0.3)
        assert self.bridge.mode is Mode.HOLD

    def tick(self):
        if self.held_at is not None:
            self.arm_at = self.held_at + self.noise * self.random.standard_normal(7)
        return super().tick()

    def fault(self, seconds=1.5):
        """A reflex of which nothing is heard any more; how far the last command is from the arm."""
        self.bridge.offer_report(REFLEX, self.mono_ns)
        self.tick()
        assert self.bridge.mode is Mode.FAULT
        self.run(seconds)
        return abs(self.commands[-1] - self.held_at).max()


@pytest.mark.parametrize("adapter", ["jtc", "crisp", "multipanda"])
def test_an_arm_that_meets_something_is_told_to_stay_where_it_is(adapter):
    """Set-points go on until the fault says so, and come back to the arm; the judge looks once a millisecond."""
    fr3 = load_robot(CONFIG / "robots/fr3.yaml")
    noise, held = np.random.default_rng(1), []

    def arm(set_point, seconds):
        if seconds < 0.8:
            return set_point
        held.append(set_point if not held else held[0])
        return held[0] + 1e-5 * noise.standard_normal(7)

    run = TimedBridge(fr3, swing(fr3, 0.6), arm=arm, adapter=adapter).run(3.0)
    away = np.abs(run.positions - held[0]).max(axis=1)
    assert run.modes[-1] == "fault" and away.max() > 0.15 and away[-1] < 2 * ARRIVED_RAD
    assert np.ptp(run.positions[-300:], axis=0).max() == 0.0 == run.refused
    if adapter == "jtc":
        assert violations(run.positions, "fr3", period=0.001, scale=WHOLE) == []
    else:  # the last position is held from message to message
        assert violations(run.positions[7::8], "fr3") == []


@pytest.mark.parametrize("name", ["panda", "fr3"])
def test_an_arm_held_0_05_rad_from_its_command_is_not_pressed_on(name):
    rig = Wall(load_robot(CONFIG / f"robots/{name}.yaml"))
    assert rig.fault() < 2 * ARRIVED_RAD
    assert violations(rig.commands, name) == []
    assert rig.sent[-1] is None and rig.bridge.mode is Mode.FAULT
    assert rig.bridge.recover().text == "recovered: disarmed"
    rig.run(0.1)
    assert rig.sent[-1] is None


def test_one_that_sags_a_little_under_its_command_is_left_there(panda):
    rig = Wall(panda, short=0.8 * PRESSING_RAD)
    sent = len(rig.commands)
    rig.fault()
    assert len(rig.commands) == sent


def frozen(rig):
    rig.noise = 0.0


def silent(rig):
    rig.states = False


def a_second_one(rig):
    rig.publish("/f2o/joint_target", ["/a", "/b"])


def another_arm(rig):
    rig.bridge.offer_joints(rig.arm_at + 0.6, rig.mono_ns)


def held_elsewhere(rig):
    rig.bridge.offer_held(rig.arm_at + 0.2, rig.mono_ns)


def stopped(rig):
    rig.bridge.offer_report(REFLEX, rig.mono_ns)


def unusable(rig):
    rig.adapter_problem = "receiver: no answer"


@pytest.mark.parametrize(
    "doubt", [frozen, silent, a_second_one, another_arm, held_elsewhere, stopped, unusable]
)
def test_nothing_moves_on_joint_states_that_may_be_wrong_nor_under_an_arm_that_stopped(panda, doubt):
    rig = Wall(panda)
    doubt(rig)
    rig.fault(0.1)
    for _ in range(100):
        doubt(rig)
        rig.tick()
    assert np.abs(rig.commands[-1] - rig.held_at).max() == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize(("doubt", "lasts"), [(a_second_one, True), (another_arm, True), (frozen, False)])
def test_joint_states_once_in_doubt_are_not_believed_in_this_fault(panda, doubt, lasts):
    rig = Wall(panda)
    doubt(rig)
    rig.fault(0.3)
    rig.noise = 1e-5
    rig.publish("/f2o/joint_target", ["/a"])
    rig.run(1.5)
    assert bool(np.abs(rig.commands[-1] - rig.held_at).max() > 0.04) is lasts


def test_something_soft_pushes_the_arm_back_but_no_further_than_a_little(panda):
    """The arm goes back with its command, and a thing that is heavier than was said goes with it for ever."""
    rig = Wall(panda)
    first = rig.held_at[0]
    rig.bridge.offer_report(REFLEX, rig.mono_ns)
    for _ in range(1500):
        rig.tick()
        rig.held_at[0] = min(rig.held_at[0], rig.commands[-1][0] - 0.02)
    assert first - rig.commands[-1][0] == pytest.approx(GIVE_RAD, abs=1e-3)
    assert rig.sent[-1] is None


def test_where_there_is_no_way_back_it_is_tried_once(panda, monkeypatch):
    rig = Wall(panda)
    monkeypatch.setattr(rig.bridge._limiter, "forbids", lambda position: True)
    monkeypatch.setattr(rig.bridge._limiter._guard, "forbids", lambda position: True)
    assert rig.fault() == pytest.approx(0.05, abs=1e-4)
    assert rig.sent[-1] is None


def test_what_the_arm_says_of_itself_keeps_it_from_being_armed_and_can_be_recovered(panda):
    rig = Rig(panda)
    rig.bridge.offer_report("a person stopped the arm", rig.mono_ns)
    rig.run(0.1)
    assert rig.arm().text == "not armed: a person stopped the arm"
    assert rig.bridge.recover().text == "recovered: disarmed"
    rig.run(0.3)  # nothing is heard of it any more: joint states alone count
    assert rig.arm().accepted
