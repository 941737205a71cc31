"""Adapter udp on the simulated clock: f2o_rt and libfranka as processes, an episode twice the same, what ends it."""

import importlib.util
import sys

import numpy as np
import pytest
from f2o_control.config import BridgeConfig
from f2o_control.state import Mode
from f2o_sim.errors import SimError
from f2o_sim.session import Session

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pylibfranka") is None, reason="pylibfranka has no wheel for this Python"
)


@pytest.fixture(scope="module")
def session():
    made = Session(bridge=BridgeConfig(source="teleop", adapter="udp"), camera_hz=1.0)
    yield made
    made.close()


def play(session, seed, ticks=200):
    """A gentle motion in which the fingers close; every number of every tick."""
    first = session.reset(seed)
    session.arm()
    start, rows = first.joints.positions, []
    for k in range(ticks):
        wave = 0.2 * np.sin(0.03 * k) * min(k / 50, 1) * np.arange(1, 8) / 7
        step = session.step(np.append(start + wave, 0.08 if k < 50 else 0.02))
        heard, world = step.joints, session.world
        rows.append(
            [*heard.positions, *heard.velocities, step.gripper_width, *step.command, *world.data.qpos]
        )
    return np.array(rows)


def test_an_episode_through_f2o_rt_and_libfranka_is_twice_the_same(session):
    one = play(session, 3)
    assert session.bridge.mode is Mode.TELEOP, session.bridge.machine.reason
    assert (
        session.way.lost == 0 and session.way.cycles == 8 * 200 + 16
    )  # eight each to answer and follow the bridge
    heard, width, command = one[:, :7], one[:, 14], one[:, 15:22]
    behind = [np.abs(heard[k:] - command[: len(command) - k]).max() for k in range(8)]
    assert min(behind) < 6e-3 and np.ptp(heard[:, 6]) > 0.2  # 20 ms behind, it is the motion commanded
    assert width[49] == pytest.approx(0.08, abs=1e-3) and width[-1] == pytest.approx(0.02, abs=1e-3)
    assert session.world.gripper_width() == pytest.approx(0.02, abs=1e-3)
    np.testing.assert_array_equal(play(session, 3), one)


def test_a_reflex_is_the_bridges_fault_and_the_session_goes_on(session, monkeypatch):
    play(session, 4, ticks=60)
    world = session.world
    pressed = world.external_torques() + 60.0 * np.eye(7)[1]
    monkeypatch.setattr(world, "external_torques", lambda: pressed)
    before = world.time_ns
    for _ in range(30):
        session.step(None)
    assert session.bridge.mode is Mode.FAULT
    assert session.bridge.machine.reason.endswith("the arm stopped by itself: cartesian_reflex")
    assert world.time_ns - before == 30 * 8_000_000


def test_a_receiver_that_ends_is_one_sentence(session):
    play(session, 5, ticks=5)
    session.way._receiver._process.kill()
    with pytest.raises(SimError, match=r"^adapter udp: f2o_rt has ended"):
        session.step(None)


def test_a_receiver_that_does_not_begin_is_one_sentence(session, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SimError, match=r"^adapter udp: f2o_rt does not begin"):
        session.reset(5)


def test_an_adapter_that_is_not_simulated_is_named():
    with pytest.raises(SimError, match="adapter: expected jtc or udp in simulation, got 'crisp'"):
        Session(bridge=BridgeConfig(adapter="crisp"))
