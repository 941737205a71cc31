"""Which set-points the arm has taken, against the rules that it goes by."""

from dataclasses import replace

import numpy as np
import pytest
from f2o_control.braking import JointState
from f2o_control.datagrams import State
from f2o_rt.arm import from_differences
from f2o_rt.fci import FciRules
from f2o_rt.loop import Loop
from f2o_rt.mock_arm import MockArm
from f2o_rt.taken import TOLD, TakenSetPoints
from f2o_rt.testing import Rig, oscillate


def told(rules):
    """A state's numbers, of 32 bits."""
    numbers = (rules.position, rules.velocity, rules.acceleration)
    return JointState(*(np.asarray(n, np.float32).astype(float) for n in numbers))


def motion(home, t):
    return home + 0.2 * np.sin(2.0 * t) * (1 - np.exp(-((t / 0.2) ** 3)))


@pytest.mark.parametrize("row", [1, 4, 15])
def test_what_was_lost_is_found_as_soon_as_it_shows_and_the_motion_is_the_arms(robot, row):
    home = np.array(robot.home)
    rules, taken = FciRules(robot, home), TakenSetPoints(home)
    rules._jerk = rules._acceleration = np.full(7, 1e12)  # the jump back is not judged here
    found = 0
    for k in range(1000):
        taken.send(motion(home, 1e-3 * k))
        lost, skipped = k % 100 >= 100 - row, k % 100 == 30
        rules.miss() if lost else rules.accept(motion(home, 1e-3 * k))
        if skipped:
            rules.miss()
        found += taken.step(told(rules), int(skipped))
        assert np.abs(taken.motion.position - rules.position).max() <= 2 * TOLD
    assert found <= 10 * row  # one lost at low speed makes no difference that a state could say
    assert row < 15 or found >= 5 * row


def test_without_losses_the_motion_is_that_of_the_set_points_in_full(robot):
    home = np.array(robot.home)
    rules, taken = FciRules(robot, home), TakenSetPoints(home)
    for k in range(500):
        goal = home + 1e-3 * (1 - np.cos(0.01 * k))
        taken.send(goal)
        rules.accept(goal)
        assert taken.step(told(rules), 0) == 0
        assert np.array_equal(taken.motion.position, rules.position)
        assert np.array_equal(taken.motion.acceleration, rules.acceleration)


def test_an_arm_at_rest_loses_nothing_and_one_that_does_something_else_is_believed(robot):
    home = np.array(robot.home)
    taken = TakenSetPoints(home)
    taken.send(home)
    assert taken.step(JointState.at_rest(home), 0) == 0
    taken.send(home + 1e-3)
    elsewhere = JointState(home + 0.1, np.full(7, 0.2), np.full(7, 0.3))
    assert taken.step(elsewhere, 0) == 0
    assert np.array_equal(taken.motion.position, elsewhere.position)
    assert np.array_equal(taken.motion.acceleration, elsewhere.acceleration)


class LateArm(MockArm):
    """Fifteen set-points in a row come too late, every 300 ms; its states are those of 32 bits."""

    notices = True

    def open(self):
        self._taken, self._commands = TakenSetPoints(self._measured), 0
        return super().open()

    def cycle(self):
        cycle = super().cycle()
        if self._rules is None:
            return cycle
        lost, motion = self._taken.step(told(self._rules), cycle.missed), self._taken.motion
        extrapolated = from_differences(motion.position, motion.velocity, motion.acceleration)
        return replace(cycle, extrapolated=extrapolated, lost=lost) if self.notices else cycle

    def command(self, positions):
        self._commands += 1
        self._taken.send(positions)
        if self._rules is not None and self._commands % 300 >= 285:
            self._rules.miss()
        else:
            super().command(positions)


@pytest.mark.parametrize("notices", [True, False])
def test_f2o_rt_goes_on_from_where_the_arm_is_and_would_meet_a_reflex_otherwise(notices):
    rig = Rig("panda")
    rig.wanted = oscillate(rig.home)
    rig.arm = LateArm(rig.robot, rig._tick)
    rig.arm.notices = notices
    rig.receiver.reset(rig.arm.open())
    rig.loop = Loop(rig.config, rig.receiver, rig.arm, rig.far, lambda: rig.now_ns + 600_000)
    rig.run(2.5)
    if notices:
        assert rig.receiver.state is State.FOLLOWING and rig.loop.missed > 10
        assert np.ptp(rig.out, axis=0).max() > 0.1
    else:
        assert "discontinuity" in rig.loop.fault
