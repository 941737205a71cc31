"""Backends against eager torch and against the method's own sampler, on a tiny untrained network."""

import dataclasses
import functools
import importlib.util
import sys

import numpy as np
import pytest
import torch
from f2o_perception.frames import Observation
from f2o_policy.checkpoint import Checkpoint
from f2o_policy.data.normalise import MinMax, Normaliser
from f2o_policy.errors import EngineError
from f2o_policy.model.config import ModelConfig
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.equality import check_equal, record
from f2o_policy.runtime.load import load_engine, resolve_backend

INSTALLED = ["torch", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
MANY = 3  # hypotheses
MODEL = ModelConfig(
    views=2, image_size=32, points=16, horizon=8, trunk_width=8, token_dim=16, attention_heads=2, pool_queries=2,
    visual_dim=16, point_widths=(8, 16), point_dim=8, proprio_dim=8, unet_widths=(16, 32), groups=4, step_dim=16,
)  # fmt: skip


def checkpoint_of(kind, seed=0):
    """A whole checkpoint with random weights."""
    limits = MinMax((-2.0,) * 7 + (0.0,), (2.0,) * 7 + (0.08,))
    normaliser = Normaliser(limits, limits, MinMax((0.2, -0.5, 0.0), (0.8, 0.5, 0.6)), action_std=0.5)
    torch.manual_seed(seed)
    state = PolicyNetwork(MODEL, normaliser, timed=kind == "teacher").state_dict()
    names = (*(f"joint{i}" for i in range(1, 8)), "gripper_width")
    return Checkpoint(
        kind=kind, method="cfm" if kind == "teacher" else "imle", method_options={}, state=state,
        config=dataclasses.asdict(MODEL), normaliser=normaliser, horizon=8, dt_s=0.05, action_names=names,
        views=("wrist", "front"), image_size=32, points=16, workspace=((0.2, 0.8), (-0.5, 0.5), (0.0, 0.6)),
        seed=0, data_sha256="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def engine_of(student):
    """The student's engine of a backend, made once: converting takes seconds."""
    return functools.cache(lambda backend: load_engine(student, MANY, backend))


@pytest.fixture(scope="module")
def student():
    return checkpoint_of("student")


@pytest.fixture(scope="module")
def teacher():
    return checkpoint_of("teacher")


def observation(rng):
    """An observation with twice the points the network takes."""
    return Observation(
        stamp_ros_ns=0, view_names=("wrist", "front"), view_stamps_ros_ns=np.zeros(2, np.int64),
        rgb=rng.integers(0, 256, (2, 32, 32, 3)).astype(np.uint8),
        depth_mm=rng.integers(0, 2000, (2, 32, 32)).astype(np.uint16),
        points=rng.uniform(-0.5, 0.8, (32, 3)).astype(np.float32), joint_names=("j",) * 7,
        joint_positions=np.zeros(7), joint_velocities=np.zeros(7), gripper_width=0.08, max_skew_ns=0,
    )  # fmt: skip


def inputs(seed):
    """An observation, joints and noise."""
    rng = np.random.default_rng(seed)
    return observation(rng), rng.uniform(-1, 1, 8), rng.standard_normal((MANY, 8, 8), dtype=np.float32)


def condition(network, seen, joints):
    """The embedding (MANY,E) and joints (MANY,8) as the network is given them in training."""
    points = torch.from_numpy(seen.points[::2])[None]
    depth = torch.from_numpy(seen.depth_mm.astype(np.float32))[None]
    embedding = network.embed(torch.from_numpy(seen.rgb)[None], depth, points)
    return embedding.expand(MANY, -1), torch.from_numpy(joints).float().expand(MANY, -1)


@pytest.mark.parametrize("backend", INSTALLED)
def test_every_backend_computes_what_the_network_computes(student, engine_of, backend):
    engine, network = engine_of(backend), student.build_network()
    assert engine.name == f"{backend}-f32"
    for seed in range(5):
        seen, joints, noise = inputs(seed)
        embedding = engine.embed(seen)
        with torch.inference_mode():
            embeddings, proprio = condition(network, seen, joints)
            chunks = network.head(torch.from_numpy(noise), embeddings, proprio)
        expected = student.normaliser.action.decode(chunks.numpy().astype(np.float64))
        assert embedding.shape == (engine.spec.embedding_size,)
        np.testing.assert_allclose(embedding, embeddings[0], atol=1e-4)
        np.testing.assert_allclose(engine.plan(embedding, joints, noise), expected, atol=2e-4)


@pytest.mark.parametrize("backend", INSTALLED)
def test_outputs_of_earlier_calls_are_not_overwritten(engine_of, backend):
    engine = engine_of(backend)
    first, second = inputs(0), inputs(1)
    embedding = engine.embed(first[0])
    kept, plan = embedding.copy(), engine.plan(embedding, *first[1:])
    kept_plan = plan.copy()
    engine.plan(engine.embed(second[0]), *second[1:])
    np.testing.assert_array_equal(embedding, kept)
    np.testing.assert_array_equal(plan, kept_plan)


@pytest.mark.parametrize("backend", INSTALLED)
def test_a_teacher_of_50_steps_equals_its_methods_sampler(teacher, backend):
    engine, network = load_engine(teacher, MANY, backend, steps=50), teacher.build_network()
    seen, joints, noise = inputs(0)
    with torch.inference_mode():
        sample = teacher.build_method().sample(
            network.head, torch.from_numpy(noise), *condition(network, seen, joints), steps=50
        )
    expected = teacher.normaliser.action.decode(sample.numpy().astype(np.float64))
    np.testing.assert_allclose(engine.plan(engine.embed(seen), joints, noise), expected, atol=2e-4)


def test_half_precision_is_computed_or_refused_but_never_pretended(student):
    if "openvino" not in INSTALLED:
        pytest.skip("openvino is not installed")
    # bfloat16 has eight bits, in which a joint's range is coarser than a milliradian. Which processors compute in it
    # OpenVINO does not say beforehand: some that it does not list do.
    coarse = (
        "openvino-bf16 disagrees with eager float32 torch by .* mrad and .* mm, expected 1 and 0.1 or less"
    )
    other = "precision 'bf16': this processor computes in 'f32'; ask for that"
    with pytest.raises(EngineError, match=f"{coarse}|{other}"):
        load_engine(student, MANY, "openvino", "bf16")


def test_an_unknown_backend_is_named_with_the_known_ones(student):
    with pytest.raises(EngineError, match="backend 'tensorrt': expected one of auto, torch, openvino, cuda"):
        load_engine(student, MANY, "tensorrt")


def test_steps_must_fit_the_kind(student, teacher):
    with pytest.raises(EngineError, match="kind 'teacher' with 0 steps: a teacher needs 1 or more"):
        load_engine(teacher, MANY)
    with pytest.raises(EngineError, match=r"kind 'student' with 50 steps: .* a student 0"):
        load_engine(student, MANY, steps=50)


def test_without_openvino_auto_is_torch_and_openvino_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert resolve_backend("auto") == "torch"
    with pytest.raises(
        EngineError, match="'openvino' is not installed: pip install openvino, or use 'torch'"
    ):
        resolve_backend("openvino")


@pytest.mark.parametrize(("error", "said"), [(1e-3, "2 mrad"), (np.nan, "nan mrad")])
def test_a_backend_that_disagrees_is_refused(student, engine_of, error, said):
    truth = engine_of("torch")
    head = lambda *a: truth._head(*a) + np.float32(error)  # noqa: E731
    wrong, reference = NetworkEngine(student.spec, truth._embed, head, "wrong-f32"), record(truth)
    sentence = (
        f"backend wrong-f32 disagrees with eager float32 torch by {said} and .* mm, expected 0.2 and 0.02"
    )
    with pytest.raises(EngineError, match=sentence):
        check_equal(wrong, reference, MANY, tolerance=(2e-4, 2e-5))
    assert check_equal(truth, reference, MANY, tolerance=(1e-5, 1e-6)) <= 1e-5  # batches of 3, not 4


@pytest.mark.parametrize("backend", INSTALLED)
@pytest.mark.parametrize(
    "changes", [{"history": 2}, {"modalities": ("points",)}], ids=["history", "points alone"]
)
def test_engines_of_policies_with_history_or_fewer_modalities(student, backend, changes):
    config = dataclasses.replace(MODEL, **changes)
    torch.manual_seed(0)
    state = PolicyNetwork(config, student.normaliser, timed=False).state_dict()
    checkpoint = dataclasses.replace(student, config=dataclasses.asdict(config), state=state)
    engine, network = load_engine(checkpoint, MANY, backend), checkpoint.build_network()
    seen, joints, noise = inputs(0)
    frame = engine.embed(seen)
    assert frame.shape == (config.frame_dim,)
    rest = engine.plan(frame, joints, noise)  # of one instant: a robot at rest
    history = np.tile(frame, config.history), np.tile(joints, config.history)
    np.testing.assert_array_equal(engine.plan(*history, noise), rest)
    with torch.inference_mode():
        condition = (torch.from_numpy(np.asarray(x, np.float32)).expand(MANY, -1) for x in history)
        chunks = network.head(torch.from_numpy(noise), *condition)
    expected = checkpoint.normaliser.action.decode(chunks.numpy().astype(np.float64))
    np.testing.assert_allclose(rest, expected, atol=2e-4)
