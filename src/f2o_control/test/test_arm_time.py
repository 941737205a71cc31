"""What the arm executes, judged once a millisecond, whenever the bridge's ticks come: f2o_control.testing.executed."""

import numpy as np
import pytest
from f2o_control.config import Timeouts
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, violations
from f2o_control.testing.executed import WHOLE, TimedBridge, swing
from f2o_control.timeline import Timeline
from jaxtyping import config

ALL = tuple(range(7))


@pytest.fixture(autouse=True)
def fast():
    """Shapes are checked elsewhere; here they cost several times what the code does."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


CASES = {
    "in time": {},
    "one in 50 late by 0.5 ms": {"late_s": lambda k: 0.0005 * (k % 50 == 0)},
    "one in 50 late by 4 ms": {"late_s": lambda k: 0.004 * (k % 50 == 0)},
    "one in 20 late by 7 ms": {"late_s": lambda k: 0.007 * (k % 20 == 0)},
    "one in 20 late by 20 ms": {"late_s": lambda k: 0.020 * (k % 20 == 0)},
    "one missed": {"late_s": lambda k: None if k == 150 else 0.0},
    "five missed": {"late_s": lambda k: None if 150 <= k < 155 else 0.0},
    "every second missed": {"late_s": lambda k: None if k % 2 else 0.0},
    "fifty missed": {"late_s": lambda k: None if 150 <= k < 200 else 0.0},
    "one in 20 works for 5 ms": {"work_s": lambda k: 0.005 * (k % 20 == 0)},
    "one in 20 works for 12 ms": {"work_s": lambda k: 0.012 * (k % 20 == 0)},
    "all work for 3 ms, one in 20 is late by 4": {
        "late_s": lambda k: 0.004 * (k % 20 == 0),
        "work_s": lambda k: 0.003,
    },
    "one in 50 works for 40 ms": {"work_s": lambda k: 0.04 * (k % 50 == 0)},
    "stopped within a tick": {"work_s": lambda k: 0.002, "stopped": (1.201, 1.231)},
    "stopped for 20 ms": {"stopped": (1.2, 1.22)},
    "stopped for 0.15 s": {"stopped": (1.2, 1.35)},
    "stopped for 0.5 s": {"stopped": (1.2, 1.7)},
    "messages late by 3 ms": {"transport_s": lambda k: 0.001 + 0.003 * (k % 7 == 0)},
    "controller's clock 3 ms behind": {"clock_s": -0.003},
    "controller's clock 2 ms ahead": {"clock_s": 0.002},
}


def starved(k):
    return float(np.random.default_rng(k).exponential(0.006))


def executed(robot, case, profile="normal", speed=1.0, seconds=2.2):
    return TimedBridge(robot, swing(robot, speed, ALL), profile=profile, **case).run(seconds)


@pytest.mark.parametrize("name", ["panda", "fr3"])
@pytest.mark.parametrize("case", [*CASES, "a starved core"])
def test_no_tick_that_is_late_or_missed_breaks_a_limit_of_the_arm(name, case):
    robot = load_robot(CONFIG / f"robots/{name}.yaml")
    run = executed(robot, CASES.get(case, {"late_s": starved}))
    assert violations(run.positions, name, period=0.001, scale=WHOLE) == []
    assert np.ptp(run.positions[:, 0]) > 0.4 and run.refused == 0


@pytest.mark.parametrize("name", ["panda", "fr3"])
def test_nor_does_one_at_full_speed(name):
    robot = load_robot(CONFIG / f"robots/{name}.yaml")
    for case in ("in time", "one in 20 late by 20 ms", "five missed", "stopped for 0.5 s"):
        run = executed(robot, CASES[case], "full", 1.6)
        assert violations(run.positions, name, period=0.001, scale=WHOLE) == [], case


def test_after_missed_ticks_the_arm_goes_on_from_the_stop(panda):
    """The set-point slows down along the stop and takes up speed again; it never stands still, nor jumps."""
    run, whole = executed(panda, CASES["five missed"], speed=0.5), executed(panda, {}, speed=0.5)
    speed = np.abs(np.diff(run.positions[:, 0])) * 1e3
    assert set(run.modes[200:]) == {"policy"}
    behind = np.abs(run.positions[-1] - whole.positions[-1]).max()
    assert behind < 0.01  # and catches up
    assert speed[1190:1240].min() > 0.1


def test_a_bridge_that_stood_still_is_a_clean_stop(panda):
    run = executed(panda, {"stopped": (1.2, 1.9)}, seconds=3.0)
    assert run.modes[-1] == "fault"  # joint states were missing for longer than they may
    assert np.ptp(run.positions[-800:], axis=0).max() == 0.0


def test_the_delay_of_a_late_tick_does_not_stay(panda):
    late, whole = executed(panda, CASES["one in 50 late by 4 ms"], speed=0.5), executed(panda, {}, speed=0.5)
    assert np.abs(late.positions[-200:] - whole.positions[-200:]).max() < 1e-9
    later = executed(panda, {"late_s": lambda k: 0.02 * (k == 100)}, speed=0.5)
    assert np.abs(later.positions[-200:] - whole.positions[-200:]).max() < 1e-3


@pytest.mark.parametrize("adapter", ["crisp", "multipanda"])
@pytest.mark.parametrize(
    "case", ["in time", "one in 20 late by 20 ms", "five missed", "fifty missed", "stopped for 0.5 s"]
)
def test_where_the_last_position_is_held_no_set_point_leaps(panda, adapter, case):
    """Each message moves on from the last one by no more than a joint moves within a tick."""
    run = executed(panda, CASES[case] | {"adapter": adapter})
    step = np.abs(np.diff(run.positions, axis=0)).max(axis=0)
    assert (step <= panda.limits().velocity * 0.008 * 1.001).all() and step.max() > 0.005


def test_one_lost_message_is_no_violation_where_transport_is_given_room(panda):
    """Two periods: the message after the lost one arrives before what both change."""
    case = {"transport_s": lambda k: 99.0 if k % 25 == 0 else 0.001, "timeouts": Timeouts(transport_s=0.012)}
    run = executed(panda, case)
    assert violations(run.positions, period=0.001, scale=WHOLE) == []


def test_a_step_begins_when_the_arm_can_have_heard_of_it():
    time = Timeline(0.008, 0.004)
    ms = 1_000_000
    assert time.begin(1000 * ms, 1000 * ms) == 0.0 and time.end() == 1016 * ms
    assert time.begin(1012 * ms, 1008 * ms) == 0.0 and time.end() == 1024 * ms  # 4 ms late: in time
    assert time.begin(1021 * ms, 1016 * ms) == 0.008 and time.end() == 1040 * ms  # 5 ms late: a period later
    assert time.begin(1024 * ms, 1024 * ms) is None  # so that the delay does not stay
    assert time.begin(1032 * ms, 1032 * ms) == 0.0 and time.end() == 1048 * ms
    assert time.begin(1080 * ms, 1080 * ms) == 0.04  # five were missed
    assert Timeline(0.008, 0.012).delay_ns == 24 * ms and time.delay_ns == 16 * ms


def test_the_judge_sees_what_was_wrong_before(panda, monkeypatch):
    """Trajectories that start on reception: the fault that this is for."""
    from f2o_control.adapters.jtc import JtcAdapter

    send = JtcAdapter.send

    def on_reception(self, command, width):
        plan = send(self, command, width)
        due_ns = command.due_mono_ns - (plan.start_ros_ns - command.ros_offset_ns)
        after = plan.times_ns >= due_ns if plan.start_ros_ns else plan.times_ns >= 0
        times = plan.times_ns[after] - (due_ns - 8_000_000 if plan.start_ros_ns else 0)
        return type(plan)(plan.joint_names, 0, times, plan.positions[after], plan.velocities[after])

    monkeypatch.setattr(JtcAdapter, "send", on_reception)
    run = executed(panda, CASES["one in 50 late by 4 ms"])
    assert any("acceleration" in text for text in violations(run.positions, period=0.001, scale=WHOLE))


@pytest.mark.parametrize("name", ["panda", "fr3"])
def test_a_command_that_was_stuck_on_its_way_is_a_clean_stop(name):
    """Stopped between its check and the middleware: the controller refuses what has ended, and the bridge knows."""
    robot = load_robot(CONFIG / f"robots/{name}.yaml")
    number = 160
    timed = TimedBridge(robot, swing(robot, 1.0, ALL), send_s=lambda k: 0.5 * (k == number))
    run = timed.run(3.0)
    assert violations(run.positions, name, period=0.001, scale=WHOLE) == []
    assert (run.modes[-1], run.refused, timed.bridge.overran) == ("fault", 1, 1)
    assert "after its step had begun: this process stood still" in timed.bridge.machine.reason
    assert np.ptp(run.positions[-800:], axis=0).max() == 0.0


def test_one_that_was_stuck_for_a_moment_is_followed_on(panda):
    timed = TimedBridge(panda, swing(panda, 1.0, ALL), send_s=lambda k: 0.02 * (k == 160))
    run = timed.run(2.0)
    assert (run.modes[-1], run.refused, timed.bridge.overran) == ("policy", 0, 0)
