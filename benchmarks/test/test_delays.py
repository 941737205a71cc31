"""A bridge that is late, missing or stopped: what the arm is told meanwhile, and that the judge would see a leap."""

import numpy as np
import pytest
from f2o_control.adapters.jtc import JtcAdapter
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_control.testing.executed import torque_share
from f2o_nodekit.robot import Gains
from jaxtyping import config

from benchmarks.faults.delays import ADAPTERS, DELAYS, ROBOTS, delay


@pytest.fixture(autouse=True)
def fast():
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


CASES = [
    (name, adapter, robot)
    for name in ("one tick in 20 late by 20 ms", "5 ticks missed", "stopped for 0.5 s")
    for adapter in ADAPTERS
    for robot in ROBOTS
    if adapter != "udp" or (name, robot) == ("5 ticks missed", "panda")  # f2o_rt takes a second for one
]


@pytest.mark.parametrize(("name", "adapter", "robot"), CASES)
def test_no_delay_leads_the_arm_beyond_a_limit_or_the_fcis_step_of_torque(name, adapter, robot):
    row = delay(name, adapter, load_robot(CONFIG / f"robots/{robot}.yaml"))
    assert row["problems"] == []
    assert row["share"] > 0.3, "it moved"
    if adapter == "jtc":
        assert 0.1 < row["torque_followed"] < row["torque_held"] < 1


def test_a_trajectory_that_starts_when_it_arrives_is_found(monkeypatch):
    """As joint_trajectory_controller takes one without a start stamp: a late tick makes the set-point leap."""
    send = JtcAdapter.send

    def now(self, command, width):
        made = send(self, command, width)
        object.__setattr__(made, "start_ros_ns", 0)
        return made

    monkeypatch.setattr(JtcAdapter, "send", now)
    row = delay("one tick in 20 late by 7 ms", "jtc", load_robot(CONFIG / "robots/panda.yaml"))
    assert any("acceleration" in problem for problem in row["problems"])


def test_every_delay_of_the_issue_is_in_the_table():
    assert {
        "a starved core",
        "1 tick missed",
        "50 ticks missed",
        "stopped for 0.02 s",
        "stopped for 3 s",
    } <= set(DELAYS)


def test_the_step_of_the_torque_is_that_of_the_law():
    """At 2 rad/s 600 N m/rad are 1.2 N m a millisecond where the arm is held; 10 rad/s2 at 30 N m s/rad are 0.3."""
    gains, t = Gains(p=(600.0,), d=(30.0,)), np.arange(50)[:, None] * 1e-3
    cruise = 2.0 * t, np.full_like(t, 2.0)
    assert torque_share(*cruise, gains) == pytest.approx(1.2)
    assert torque_share(*cruise, gains, held=False) == pytest.approx(0.0, abs=1e-9)
    speeding = 5.0 * t**2, 10.0 * t
    assert torque_share(*speeding, gains, held=False) == pytest.approx(0.3 + 600 * 10 * 1e-6)
    leap = cruise[0] + 0.01 * (t > 0.02), cruise[1]
    assert torque_share(*leap, gains, held=False) == pytest.approx(6.0)


@pytest.mark.parametrize("adapter", ["jtc", "crisp", "udp"])
def test_a_tick_that_takes_long_makes_no_leap_of_two(adapter):
    row = delay("one tick in 20 works for 12 ms", adapter, load_robot(CONFIG / "robots/panda.yaml"))
    assert (row["problems"], row["ends_in"]) == ([], "policy")
