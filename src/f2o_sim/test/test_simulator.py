"""The real-time simulator without ROS. Waits are for events; limits are loose enough for a busy machine."""

import queue
import time

import numpy as np
import pytest
from f2o_sim.config import SimConfig
from f2o_sim.controller import Trajectory
from f2o_sim.diagnostics import cameras, physics
from f2o_sim.errors import GraphicsError, SimError, StateLogError
from f2o_sim.rate_divider import RateDivider
from f2o_sim.simulator import Outputs, Simulator
from f2o_sim.statelog import load_episode

from f2o_sim import gl

PATIENCE_S = 20.0
EPOCH_NS = 1_700_000_000_000_000_000


def clock_ros_ns():
    return EPOCH_NS + time.monotonic_ns()


class Ears:
    """Hears everything; waits for things."""

    def __init__(self):
        self.joints, self.gripper, self.task, self.images = (queue.Queue() for _ in range(4))

    def outputs(self):
        return Outputs(
            joints=lambda world, stamp: self.joints.put((stamp, world.joint_positions(), clock_ros_ns())),
            gripper=lambda world, stamp: self.gripper.put((stamp, world.gripper_width())),
            task=lambda world, stamp: self.task.put((stamp, world.seed, world.verdict)),
            image=lambda image, stamp: self.images.put((stamp, image)),
        )


@pytest.fixture
def running(tmp_path):
    ears = Ears()
    simulator = Simulator(
        SimConfig(state_log=str(tmp_path / "log" / "states.npz")), ears.outputs(), clock_ros_ns
    )
    simulator.start()
    yield simulator, ears, tmp_path / "log" / "states.npz"
    simulator.stop()


def take(source, count):
    return [source.get(timeout=PATIENCE_S) for _ in range(count)]


def drain(source):
    while not source.empty():
        source.get()


def test_stamps_are_those_of_the_physics_state(running):
    simulator, ears, _ = running
    heard = take(ears.joints, 50)
    stamps = np.array([stamp for stamp, _, _ in heard])
    assert np.diff(stamps) == pytest.approx(8e6, abs=2e5) or simulator.slips
    ages_ms = [(now - stamp) * 1e-6 for stamp, _, now in heard]
    assert -0.5 < np.median(ages_ms) < 100
    assert (
        np.diff([stamp for stamp, _ in take(ears.gripper, 4)]) == pytest.approx(67e6, abs=2e6)
        or simulator.slips
    )


def test_all_cameras_of_a_shot_have_one_stamp(running):
    _, ears, _ = running
    shot = take(ears.images, 3)
    assert [image.view for _, image in shot] == ["wrist", "external_1", "external_2"]
    assert len({stamp for stamp, _ in shot}) == 1
    assert shot[0][1].rgb.shape == (180, 240, 3)


def test_a_command_moves_the_arm_and_a_reset_brings_it_home(running):
    simulator, ears, _ = running
    simulator.reset("", 4)
    drain(ears.joints)
    start = take(ears.joints, 1)[0][1]
    simulator.command(Trajectory(0, np.array([300_000_000]), start[None] + 0.1, np.zeros((1, 7))))
    moved = [q for _, q, _ in take(ears.joints, 60)]
    np.testing.assert_allclose(moved[-1], start + 0.1, atol=5e-3)
    simulator.reset("reach_around", 4)
    drain(ears.joints)
    np.testing.assert_allclose(take(ears.joints, 5)[-1][1], start, atol=1e-3)


def test_a_trajectory_may_start_at_a_ros_time(running):
    simulator, ears, _ = running
    start = take(ears.joints, 1)[0][1]
    begin = clock_ros_ns() + 100_000_000
    simulator.command(Trajectory(begin, np.array([200_000_000]), start[None] + 0.1, np.zeros((1, 7))))
    heard = take(ears.joints, 60)
    early = [q for stamp, q, _ in heard if stamp < begin + 20_000_000]
    assert np.abs(early[0] - start).max() < 0.02
    np.testing.assert_allclose(heard[-1][1], start + 0.1, atol=5e-3)


def test_another_task_is_refused_by_name(running):
    with pytest.raises(
        SimError, match="reset: expected the task that is running, reach_around, or '', got 'fold'"
    ):
        running[0].reset("fold", 0)


def test_the_log_keeps_the_episodes_in_which_the_robot_was_told_to_move(running):
    simulator, ears, path = running
    take(ears.task, 3)  # the scene before the first reset: nobody commands anything
    for seed in (7, 8):
        simulator.reset("", seed)
        q = take(ears.joints, 1)[0][1]
        simulator.command(Trajectory(0, np.array([100_000_000]), q[None]))
        drain(ears.task)
        take(ears.task, 4)
    simulator.stop()
    episode = load_episode(path, 1)
    assert (episode.task, episode.seed) == ("reach_around", 8)
    assert len(episode.qpos) >= 3
    assert episode.mocap.shape[1:] == (1, 7)
    assert np.diff(episode.time_ns) == pytest.approx(33.3e6, abs=2e6)
    with pytest.raises(StateLogError, match="expected an episode from 0 to 1, got 2"):
        load_episode(path, 2)


def test_physics_that_catches_up_logs_at_the_same_times(tmp_path):
    """One step of 95 ms, as after a stall, instead of many short ones: what is due on the way is not late."""
    path = tmp_path / "states.npz"
    simulator = Simulator(SimConfig(state_log=str(path)), Ears().outputs(), clock_ros_ns)
    start = simulator.world.time_ns
    simulator.command(Trajectory(0, np.array([100_000_000]), simulator.world.joint_positions()[None]))
    began = simulator._anchor_mono_ns
    simulator._advance(began + 95_000_000)
    simulator._advance(began + 190_000_000)
    simulator.stop()
    logged = load_episode(path, 0).time_ns - start
    assert logged == pytest.approx(np.arange(1, len(logged) + 1) * 1e9 / 30, abs=1e6)
    assert len(logged) == 5


def test_a_file_that_is_no_log_is_named(tmp_path):
    with pytest.raises(StateLogError, match=r"state log: .*none.npz: expected an .npz written by sim_node"):
        load_episode(tmp_path / "none.npz", 0)


def test_diagnostics_report_rates_and_refusals(running):
    simulator, ears, _ = running
    physics(simulator, 0, "")
    take(ears.images, 30)
    level, message, values = physics(simulator, 0, "")
    assert 0.2 < values["real_time_factor"] < 1.1
    assert set(values) >= {"real_time_factor", "slips", "lateness_ms_p99", "refused_commands"}
    assert level == int(values["real_time_factor"] < 0.95)
    level, message, values = cameras(simulator, 30.0)
    assert "of 30 frames a second" in message
    assert 1.0 < values["camera_hz"] < 31.0
    if physics(simulator, 0, "")[0] == 0:
        assert physics(simulator, 2, "trajectory: what was wrong")[:2] == (1, "trajectory: what was wrong")


def test_without_gl_the_start_fails_with_the_sentence(monkeypatch):
    def missing(width, height):
        raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(gl, "_BACKENDS", [("EGL", missing)])
    simulator = Simulator(SimConfig(), Ears().outputs(), clock_ros_ns)
    with pytest.raises(GraphicsError, match=r"EGL: libEGL.so.1: cannot open .* apt install libegl1"):
        simulator.start()


def test_every_is_due_at_the_first_whole_step_of_each_period():
    every = RateDivider(15.0)
    every.restart(1_000_000_000)
    due = [ms for ms in range(1001) if every(1_000_000_000 + ms * 1_000_000)]
    assert due == [67, 134, 200, 267, 334, 400, 467, 534, 600, 667, 734, 800, 867, 934, 1000]
