"""A policy whose actions are poses of the tool: trained, kept, and executed as joints."""

import dataclasses
import time
from types import SimpleNamespace

import numpy as np
import pytest
from f2o_nodekit.robot import read_robot
from f2o_policy.action_space import ROTATION, TcpSpace
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data.normalise import MinMax
from f2o_policy.data.sets import SetStore
from f2o_policy.errors import CheckpointError
from f2o_policy.evaluation.report import write_report
from f2o_policy.robots import check_arm
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.load import load_engine
from f2o_policy.runtime.loop import Loop
from f2o_policy.runtime.policy import Joints, Policy, TickStatus
from f2o_policy.training.config import Config
from f2o_policy.training.distill import distill
from f2o_policy.training.sample import sample
from f2o_policy.training.train import train
from test_policy import SPEC, FakeEngine, observation
from toys import observation as seen

PANDA = read_robot("panda")
HOME = np.append(PANDA.home, 0.03)
MS = 1_000_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_data, tcp_config):
    """Folders of a teacher, its sets and a student."""
    teacher, sets, student = (tmp_path_factory.mktemp(name) for name in ("teacher", "sets", "student"))
    assert train(tiny_data, teacher, tcp_config, progress=False)
    assert sample(teacher, tiny_data, sets, tcp_config, progress=False)
    assert distill(teacher, sets, student, tcp_config, progress=False)
    return SimpleNamespace(teacher=teacher, sets=sets, student=student)


def test_teacher_sets_and_student_have_ten_numbers_and_see_eight(runs):
    for run in (runs.teacher, runs.student):
        checkpoint = load_checkpoint(run)
        assert (checkpoint.action_space, checkpoint.action_size, checkpoint.robot) == ("tcp", 10, "panda")
        assert checkpoint.action_names[-1] == "gripper_width" and len(checkpoint.action_names) == 8
        assert len(checkpoint.tool_m) == 4  # the data do not say: the arm whose kinematics were used
    store = SetStore.open(runs.sets)
    assert store["trajectories"].shape[-1] == 10 and store["proprio"].shape[-1] == 8


def test_the_report_on_modes_takes_them(runs, tiny_data, tmp_path):
    numbers = write_report(runs.student, runs.teacher, tiny_data, tmp_path / "modes", observations=4, count=4)
    assert np.isfinite(numbers["coverage"])
    assert (tmp_path / "modes/modes.png").stat().st_size > 1000


def test_policies_of_different_action_spaces_are_not_compared(runs, tiny_data, tiny_config, tmp_path):
    assert train(tiny_data, tmp_path, tiny_config, progress=False)
    with pytest.raises(CheckpointError, match="has another action space, horizon or step than"):
        write_report(runs.student, tmp_path, tiny_data, tmp_path / "modes")


def test_ten_numbers_and_the_action_space_go_together(tcp_config, tiny_config):
    sentence = "model.action_dim: expected 10 with window.action_space tcp, and only there, got "
    for model, window in ((tcp_config.model, tiny_config.window), (tiny_config.model, tcp_config.window)):
        with pytest.raises(ValueError, match=f"{sentence}{model.action_dim}"):
            dataclasses.replace(Config(), model=model, window=window)


def test_the_joints_that_it_saw_decide_which_arm_it_fits(runs):
    checkpoint = load_checkpoint(runs.student)
    seen = MinMax((*PANDA.position_min, 0.0), (*PANDA.position_max, 0.08))
    normaliser = dataclasses.replace(checkpoint.normaliser, proprio=seen)
    check_arm("student", checkpoint.action_names, normaliser, checkpoint.tool_m, PANDA)


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_trained_student_makes_joint_targets(runs, backend):
    if backend == "openvino":
        pytest.importorskip("openvino")
    engine = load_engine(load_checkpoint(runs.student), 2, backend)
    policy = Policy(engine, PolicyConfig(checkpoint="x"))
    policy.warm_up(1)
    rng = np.random.default_rng(0)
    policy.push_observation(seen(rng, 0, HOME[:7]))
    policy.embed_newest(0.0)
    policy.push_joint_state(Joints(0, HOME))
    result = policy.tick(0)
    assert result.status is TickStatus.OK
    assert result.target.shape == (8,) and result.chunks.shape == (2, 8, 8)


class PoseEngine(FakeEngine):
    """Plans poses of a known motion of the joints, or such as no arm reaches."""

    spec = SimpleNamespace(**{**vars(SPEC), "action_space": "tcp", "action_size": 10})
    rate = np.array([0.1, 0.2, 0.0, 0.2, 0.0, 0.1, 0.0])

    def __init__(self, reach_m=0.0):
        super().__init__()
        self.space, self.reach_m = TcpSpace(PANDA), reach_m

    def motion(self, start, steps=32):
        times = self.spec.dt_s * np.arange(steps)[:, None]
        return start + np.concatenate([times * self.rate, np.zeros((steps, 1))], 1)

    def plan(self, embedding, joints, noise):
        assert noise.shape == (2, 32, 10) and joints.shape == (8,)
        self.noises.append(noise)
        actions = self.space.actions(self.motion(joints))
        actions[8:, 0] += self.reach_m
        return np.tile(actions, (len(noise), 1, 1)) * (np.nan if self.broken else 1.0)


def ready(engine, **options):
    policy = Policy(engine, PolicyConfig(checkpoint="x", **options))
    policy.push_observation(observation())
    policy.embed_newest(0.0)
    policy.push_joint_state(Joints(0, HOME))
    return policy


def test_poses_are_executed_as_the_joints_they_came_from():
    engine = PoseEngine()
    result = ready(engine).tick(0)
    assert result.out_of_reach == 0 and result.chunks.shape == (2, 32, 8)
    there = engine.space.actions(result.chunks[0]), engine.space.actions(engine.motion(HOME))
    np.testing.assert_allclose(there[0][:, :3], there[1][:, :3], atol=1e-3)
    np.testing.assert_allclose(there[0][:, ROTATION], there[1][:, ROTATION], atol=3e-3)
    np.testing.assert_allclose(result.target, HOME, atol=0.01)


def test_a_pose_out_of_reach_is_counted_and_the_arm_holds():
    result = ready(PoseEngine(reach_m=2.0)).tick(0)
    assert (result.status, result.out_of_reach) == (TickStatus.OK, 48)
    np.testing.assert_array_equal(result.chunks[0, 8:], np.repeat(result.chunks[0, 7:8], 24, 0))


def test_the_loop_counts_what_is_out_of_reach():
    policy = ready(PoseEngine(reach_m=2.0), fifo_priority=0)
    loop = Loop(policy, policy._config, lambda: 0, lambda *_: None, lambda *_: None)
    loop.start()
    end = time.monotonic() + 20
    while not loop.out_of_reach and time.monotonic() < end:
        time.sleep(0.01)
    loop.stop()
    assert loop.out_of_reach >= 48 and loop.out_of_reach_mono_ns > 0
    assert loop.values()["out_of_reach"] == loop.out_of_reach


def test_a_network_that_fails_is_not_executed():
    engine = PoseEngine()
    engine.broken = True
    assert ready(engine).tick(0).status is TickStatus.NOT_FINITE


def test_a_prefix_is_the_plan_under_way_in_poses():
    engine = PoseEngine()
    identity = SimpleNamespace(encode=lambda x: x, decode=lambda x: x)
    engine.spec = SimpleNamespace(
        **{**vars(engine.spec), "prefix": 4, "normaliser": SimpleNamespace(proprio=identity, action=identity)}
    )
    policy = ready(engine)
    policy.begin_episode()
    policy.tick(0)
    policy.push_joint_state(Joints(8 * MS, HOME))
    policy.tick(8 * MS)
    prefix = engine.noises[-1][0, :4]
    expected = engine.space.actions(engine.motion(HOME + 0.008 * np.append(engine.rate, 0.0), 4))
    np.testing.assert_allclose(prefix[:, :3], expected[:, :3], atol=2e-3)
    np.testing.assert_allclose(prefix[:, ROTATION], expected[:, ROTATION], atol=5e-3)
