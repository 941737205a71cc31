"""The real bridge in front of a world: what passes between them, at which times."""

import numpy as np
import pytest
from f2o_control.config import BridgeConfig
from f2o_nodekit.paths import config_file
from f2o_sim.bridge_loop import BridgeLoop
from f2o_sim.errors import NotArmedError

TICK_NS = 8_000_000


@pytest.fixture
def loop(world):
    """A disarmed bridge that has heard of the arm and the gripper."""
    world.reset(0)
    made = BridgeLoop(config_file("robots/panda.yaml"), BridgeConfig(source="teleop"))
    made.reset(world)
    made.measure_joints()
    made.bridge.offer_gripper(world.gripper_width())
    return made


def run(loop, world, ticks, target, rate=None):
    """Ticks of 8 ms with a new target in each."""
    for _ in range(ticks):
        now_ns = world.time_ns
        loop.offer(target, rate, now_ns + TICK_NS, 0)
        world.step_to(now_ns + loop.phase_ns)
        loop.tick()
        world.step_to(now_ns + TICK_NS)
        loop.measure_joints()


def test_it_keeps_the_bridges_period_and_phase(loop):
    assert (loop.period_ns, loop.phase_ns) == (TICK_NS, 5_000_000)


def test_a_disarmed_bridge_commands_nothing(loop, world):
    before = world.joint_positions()
    run(loop, world, 10, np.append(before + 0.2, 0.0))
    assert loop.command_ns == 0
    np.testing.assert_allclose(loop.command, [*before, world.gripper_width()], atol=2e-3)


def test_commands_are_due_two_periods_after_their_tick(loop, world):
    loop.arm()
    run(loop, world, 40, np.append(world.joint_positions(), 0.08))
    tick_ns = world.time_ns - TICK_NS + loop.phase_ns
    assert loop.command_ns == tick_ns + 2 * TICK_NS


def test_the_arm_follows_and_the_gripper_gets_one_goal(loop, world, monkeypatch):
    goals = []
    monkeypatch.setattr(world, "grip", goals.append)
    loop.arm()
    goal = world.joint_positions() + 0.1
    run(loop, world, 150, np.append(goal, 0.03))
    np.testing.assert_allclose(loop.command[:7], goal, atol=1e-3)
    np.testing.assert_allclose(world.joint_positions(), goal, atol=5e-3)
    assert goals == [0.03]


def test_a_bridge_without_joint_states_is_not_armed(world):
    made = BridgeLoop(config_file("robots/panda.yaml"), BridgeConfig())
    made.reset(world)
    with pytest.raises(NotArmedError, match="not armed: no joint states"):
        made.arm()


def test_every_reset_starts_with_a_new_bridge(loop, world):
    loop.arm()
    before = loop.bridge
    loop.reset(world)
    assert loop.bridge is not before
    assert (loop.bridge.mode.value, loop.command_ns) == ("disarmed", 0)
