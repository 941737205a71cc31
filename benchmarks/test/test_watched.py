"""The judge of a running bridge, on trajectories that a bridge on a simulated clock has sent."""

import numpy as np
import pytest
from f2o_control.config import BridgeConfig
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_control.testing.executed import MS, ROS_OFFSET_NS, FarEnd, S, TimedBridge, swing

from benchmarks.faults.watched import WatchedController

ROBOT = load_robot(CONFIG / "robots/panda.yaml")
BEGIN_NS = 5 * S + ROS_OFFSET_NS


class Recorded(FarEnd):
    """A far end that keeps every trajectory, with its arrival."""

    def __init__(self):
        super().__init__(ROBOT, BridgeConfig())
        self.arrived = []

    def _take(self, outgoing, now_ns):
        self.arrived.append(
            (now_ns, outgoing.start_ros_ns, outgoing.times_ns, outgoing.positions, outgoing.velocities)
        )
        return super()._take(outgoing, now_ns)


@pytest.fixture(scope="module")
def sent():
    end = Recorded()
    run = TimedBridge(ROBOT, swing(ROBOT, 1.0, tuple(range(7))), far_end=end).run(2.0)
    return run.positions, end.arrived


def judged(arrived, milliseconds, before=lambda watched: None):
    watched = WatchedController(ROBOT, BEGIN_NS)
    for one in arrived:
        watched.take(*one)
    before(watched)
    return watched, watched.judge(BEGIN_NS + milliseconds * MS)


def test_what_the_bridge_sends_is_executed_as_in_the_simulation_and_within_the_limits(sent):
    positions, arrived = sent
    watched, found = judged(arrived, len(positions))
    assert (found.milliseconds, found.refused, found.problems) == (len(positions), 0, [])
    assert 0.3 < found.share <= 1.0 and 0.1 < found.torque <= 1.0
    last = BEGIN_NS + (len(positions) - 1) * MS
    np.testing.assert_allclose(watched.at(last), positions[-1], atol=1e-12)
    assert watched.judge(last).milliseconds == 0  # nothing is judged twice


def test_a_gap_is_judged_not_skipped(sent):
    positions, arrived = sent
    middle = len(arrived) // 2
    _, killed = judged(arrived[:middle], len(positions))
    assert (killed.milliseconds, killed.problems) == (len(positions), [])  # it stops by itself
    _, torn = judged(arrived[:middle] + arrived[middle + 40 :], len(positions))
    assert any("jerk" in text for text in torn.problems) and torn.share > 2.0


def test_a_trajectory_that_comes_after_its_step_is_told_from_one_that_does_not(sent):
    _, arrived = sent
    middle = len(arrived) // 2
    watched = WatchedController(ROBOT, BEGIN_NS)
    assert not any([watched.take(*one) for one in arrived[:middle]][1:])  # the first may move the controller
    now_ns, *rest = arrived[middle]
    assert watched.take(now_ns + 12 * MS, *rest)
    assert not watched.take(
        now_ns + 13 * MS, *arrived[middle + 1][1:]
    )  # overtaken by nothing, and before its step
    assert not any(watched.take(*one) for one in arrived[middle + 2 :])


def test_one_message_of_a_stranger_is_seen(sent):
    positions, arrived = sent
    now_ns, start_ns, times_ns, places, velocities = arrived[100]
    shifted = now_ns + MS, start_ns, times_ns, places + 0.01, velocities
    _, found = judged([*arrived[:101], shifted, *arrived[101:]], len(positions))
    assert found.problems and found.share > 2.0


def test_what_has_ended_is_refused_and_counted(sent):
    positions, arrived = sent
    now_ns, start_ns, *rest = arrived[100]
    _, found = judged(
        [*arrived[:101], (now_ns + MS, start_ns - 5 * S, *rest), *arrived[101:]], len(positions)
    )
    assert (found.refused, found.problems) == (1, [])


def test_where_the_controllers_clock_is_set_the_judgement_begins_anew(sent):
    positions, arrived = sent
    middle, ahead = len(arrived) // 2, 5 * S
    watched = WatchedController(ROBOT, BEGIN_NS)
    for one in arrived[:middle]:
        watched.take(*one)
    set_ns = arrived[middle - 1][0] + 4 * MS
    watched.set_clock(set_ns, set_ns + ahead)
    for now_ns, start_ns, *rest in arrived[middle:]:
        watched.take(now_ns + ahead, start_ns + ahead, *rest)
    found = watched.judge(BEGIN_NS + len(positions) * MS + ahead)
    assert found.problems == []
    assert len(positions) - 10 < found.milliseconds < len(positions)
