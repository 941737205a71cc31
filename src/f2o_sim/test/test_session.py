import numpy as np
import pytest
from f2o_control.config import BridgeConfig
from f2o_sim.errors import NotArmedError, UnknownTaskError
from f2o_sim.expert import ReachAroundExpert
from f2o_sim.session import Session
from f2o_teleop.ik import DifferentialIk


@pytest.fixture(scope="module")
def session():
    session = Session(bridge=BridgeConfig(source="teleop"))
    yield session
    session.close()


def armed(session, seed):
    """The first step of an episode whose bridge is armed."""
    first = session.reset(seed)
    session.arm()
    return first


def sweep(session, seed, ticks=60):
    """The same gentle motion each time; returns all steps."""
    first = armed(session, seed)
    q = first.joints.positions
    steps = [first]
    for k in range(ticks):
        wave = 0.05 * np.sin(0.05 * k) * np.arange(1, 8) / 7
        steps.append(session.step(np.append(q + wave, 0.08 - 0.0005 * k)))
    return steps


def test_the_same_seed_and_targets_give_the_same_episode_bit_for_bit(session):
    one = sweep(session, 3)
    sweep(session, 4)
    again = sweep(session, 3)
    for a, b in zip(one, again, strict=True):
        assert a.time_ns == b.time_ns
        np.testing.assert_array_equal(a.joints.positions, b.joints.positions)
        assert (a.observation is None) == (b.observation is None)
        if a.observation is not None:
            np.testing.assert_array_equal(a.observation.rgb, b.observation.rgb)
            np.testing.assert_array_equal(a.observation.depth_mm, b.observation.depth_mm)
            np.testing.assert_array_equal(a.observation.points, b.observation.points)


def test_the_first_step_shows_the_scene(session):
    step = session.reset(1)
    observation = step.observation
    assert observation.view_names == ("wrist", "external_1", "external_2")
    assert observation.rgb.shape == (3, 64, 64, 3)
    assert observation.points.shape == (4096, 3)
    assert observation.max_skew_ns == 0
    np.testing.assert_allclose(observation.joint_positions, step.joints.positions, atol=1e-9)
    np.testing.assert_allclose(step.command[:7], step.joints.positions, atol=1e-9)
    assert not step.done


def test_observations_come_at_the_cameras_rate_and_late(session):
    steps = sweep(session, 2, ticks=125)
    heard = [
        (step.time_ns, step.observation.stamp_ros_ns) for step in steps[1:] if step.observation is not None
    ]
    ages = [now - stamp for now, stamp in heard]
    assert 50_000_000 <= min(ages) <= max(ages) < 60_000_000
    assert len(heard) == pytest.approx(28, abs=1)  # one second less the delay, 30 frames a second
    assert np.diff([stamp for _, stamp in heard]) == pytest.approx(33.3e6, abs=1.1e6)


def test_none_brings_the_arm_to_rest(session):
    sweep(session, 2, ticks=30)
    for _ in range(60):
        step = session.step(None)
    assert np.abs(step.joints.velocities).max() < 0.01


def test_nothing_moves_before_somebody_arms(session):
    first = session.reset(0)
    for _ in range(40):
        step = session.step(np.append(first.joints.positions + 0.1, 0.08))
    assert (step.mode, step.command_ns) == ("disarmed", 0)
    np.testing.assert_allclose(step.joints.positions, first.joints.positions, atol=2e-3)


def test_a_target_out_of_reach_in_one_tick_is_limited_as_on_the_robot(session):
    first = armed(session, 0)
    goal = np.append(first.joints.positions + 0.25, 0.08)
    commands = [session.step(goal).command[:7] for _ in range(150)]
    speed = np.abs(np.diff(commands, axis=0)).max(axis=1) / 0.008
    assert 0.1 < speed.max() < 2.62
    np.testing.assert_allclose(commands[-1], goal[:7], atol=1e-3)


def test_a_first_target_far_from_the_arm_is_a_fault(session):
    first = armed(session, 0)
    step = session.step(np.append(first.joints.positions + 0.5, 0.08))
    assert step.mode == "fault"
    assert session.bridge.machine.reason.startswith("first target: the target of panda_joint1")


def test_a_bridge_that_is_armed_refuses_to_be_armed_again(session):
    armed(session, 0)
    with pytest.raises(NotArmedError, match=r"^not armed: already armed \(teleop\)$"):
        session.arm()


def test_the_gripper_gets_its_goal_from_the_bridge(session):
    first = armed(session, 5)
    target = np.append(first.joints.positions, 0.02)
    for _ in range(120):
        step = session.step(target)
    assert step.gripper_width == pytest.approx(0.02, abs=0.003)
    assert step.command[7] == 0.02


def test_an_expert_succeeds_and_the_outcome_says_so(session):
    ik = DifferentialIk()
    step = armed(session, 21)
    expert = ReachAroundExpert(
        session.world.snapshot(), step.joints.positions, np.random.default_rng(0), "right", 0.008, ik
    )
    start = np.append(step.joints.positions, step.gripper_width)
    for _ in range(40):  # the bridge settles first
        step = session.step(start)
    while not step.done:
        step = session.step(expert.step(session.world.snapshot(), step.gripper_width))
    outcome = session.outcome()
    assert (outcome.seed, outcome.success, outcome.collision, outcome.side) == (21, True, False, "right")
    assert 4.0 < outcome.duration_s < 6.5


def test_standing_still_times_out(session):
    step = session.reset(0)
    session.world.step_to(step.time_ns + 9_950_000_000)
    for _ in range(10):
        step = session.step(None)
    assert step.done
    assert not session.outcome().success


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownTaskError, match="expected one of reach_around"):
        Session("juggle")


def test_an_episode_can_start_with_the_arm_elsewhere(session):
    home = session.reset(1)
    moved = home.joints.positions + np.array([0.2, 0, 0, 0, 0, 0, 0])
    step = session.reset(1, moved)
    np.testing.assert_allclose(step.joints.positions, moved, atol=1e-9)
    np.testing.assert_allclose(step.observation.joint_positions, moved, atol=1e-9)
    assert np.abs(step.observation.rgb.astype(int) - home.observation.rgb).max() > 60
    np.testing.assert_allclose(session.step(None).joints.positions, moved, atol=1e-3)
