"""Shapes, the difference between teacher and student, tracing, dropout of a modality."""

import dataclasses

import pytest
import torch
from f2o_nodekit.testing import problems
from f2o_policy.model.config import ModelConfig
from f2o_policy.model.fusion import GatedFusion, gate_entropy
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.distill import student_from
from toys import TINY, normaliser


def build(timed):
    torch.manual_seed(0)
    return PolicyNetwork(TINY, normaliser(), timed).eval()


def inputs(batch=3):
    g = torch.Generator().manual_seed(1)
    rgb = torch.randint(0, 256, (batch, 2, 32, 32, 3), generator=g, dtype=torch.uint8)
    depth = torch.rand(batch, 2, 32, 32, generator=g) * 2000
    return rgb, depth, torch.rand(batch, 16, 3, generator=g)


def head_inputs(batch=3):
    g = torch.Generator().manual_seed(2)
    return tuple(torch.randn(batch, *shape, generator=g) for shape in ((8, 8), (TINY.embedding_dim,), (8,)))


def test_shapes():
    network = build(timed=True)
    assert network.embed(*inputs()).shape == (3, TINY.embedding_dim)
    assert network.head(*head_inputs(), torch.rand(3)).shape == (3, 8, 8)


def test_the_student_lacks_the_time_modules_and_nothing_else():
    teacher, student = (dict(build(timed).named_parameters()) for timed in (True, False))
    assert set(student) < set(teacher)
    extra = set(teacher) - set(student)
    assert all(".step." in name or name.startswith("unet.step.") for name in extra)
    mlp = sum(p.numel() for n, p in teacher.items() if n.startswith("unet.step."))
    columns = sum(p.numel() for n, p in teacher.items() if ".film.step." in n)
    difference = sum(p.numel() for p in teacher.values()) - sum(p.numel() for p in student.values())
    assert difference == mlp + columns
    assert all(teacher[n].shape == p.shape for n, p in student.items())


def test_the_student_does_not_look_at_a_time():
    student = build(timed=False)
    x = head_inputs()
    assert torch.equal(student.head(*x), student.head(*x, torch.full((3,), 0.7)))


def test_the_teacher_does_look_at_the_time():
    teacher = build(timed=True)
    x = head_inputs()
    assert not torch.allclose(teacher.head(*x, torch.zeros(3)), teacher.head(*x, torch.full((3,), 0.7)))


def test_the_student_starts_as_the_teacher():
    from test_checkpoint import checkpoint_of

    teacher = checkpoint_of("teacher")
    student = student_from(teacher)
    x = inputs()
    assert torch.equal(student.eval().embed(*x), teacher.build_network().embed(*x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_both_halves_can_be_traced_and_stay_the_same_function():
    class Half(torch.nn.Module):
        def __init__(self, function):
            super().__init__()
            self.network, self.function = network, function

        def forward(self, *x):
            return self.function(*x)

    network = build(timed=False)
    for function, example in ((network.embed, inputs(2)), (network.head, head_inputs())):
        other = tuple(x.flip(0) for x in example)
        with torch.inference_mode():
            traced = torch.jit.trace(Half(function), example, check_trace=False)
            assert torch.allclose(traced(*other), function(*other), atol=1e-5)


def test_hypotheses_of_one_observation_depend_on_their_noise():
    student = build(timed=False)
    x, embedding, proprio = head_inputs()
    chunks = student.head(x, embedding[:1].expand(3, -1), proprio[:1].expand(3, -1))
    assert chunks.std(0).min() > 0


def test_modality_dropout_drops_one_of_the_two_in_training_only():
    fusion = GatedFusion(dim=16, heads=2, queries=2, out=8, dropout=0.4)
    tokens = torch.randn(4000, 3, 16)
    gate = fusion.train()(tokens, tokens).gate
    dropped = gate < 1e-6
    assert dropped.any(1).float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert not dropped.all(1).any()
    assert fusion.eval()(tokens, tokens).gate.min() > 1e-6


def test_gate_entropy_is_one_for_equal_weights_and_zero_for_one_modality():
    assert gate_entropy(torch.full((5, 2), 0.5)).item() == pytest.approx(1.0, abs=1e-5)
    assert gate_entropy(torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0.0, abs=1e-5)


def test_where_something_is_survives_the_pooling():
    """A mean over tokens cannot tell two places of one thing apart; the queries can."""
    network = build(timed=False)
    rgb, depth, points = inputs(1)
    rgb = torch.full_like(rgb, 100)
    left, right = rgb.clone(), rgb.clone()
    left[:, :, 12:20, 2:10], right[:, :, 12:20, 22:30] = 255, 255
    a, b = (network.embed(image, torch.zeros_like(depth), points) for image in (left, right))
    assert (a - b).norm() > 0.01 * a.norm()


def test_config_names_every_broken_rule():
    tiny = dataclasses.asdict(TINY)
    assert problems(ModelConfig, **tiny | {"kernel": 4, "modality_dropout": 0.7, "trunk_width": 12}) == [
        "trunk_width: expected an integer above 0 and a multiple of 8, got 12",
        "modality_dropout: expected a number of at least 0 and below 0.5, got 0.7",
        "kernel: expected an odd number, got 4",
    ]
    broken = {"horizon": 7, "image_size": 40, "unet_widths": (10, 10), "token_dim": 9}
    assert problems(ModelConfig, **tiny | broken) == [
        "horizon: expected a multiple of 2, got 7",
        f"unet_widths: expected multiples of groups = {TINY.groups}, got [10, 10]",
        "image_size: expected a multiple of 16, got 40",
        f"token_dim: expected a multiple of attention_heads = {TINY.attention_heads}, got 9",
    ]
    assert problems(ModelConfig) == []


ROWS = {
    "concat": {"fusion": "concat"},
    "attention": {"fusion": "attention"},
    "points and depth": {"modalities": ("depth", "points")},
    "points": {"modalities": ("points",)},
    "colour and depth": {"modalities": ("colour", "depth")},
}


@pytest.mark.parametrize("changes", ROWS.values(), ids=ROWS)
def test_what_the_network_does_not_look_at_changes_nothing_and_the_rest_does(changes):
    torch.manual_seed(0)
    config = dataclasses.replace(TINY, **changes)
    network = PolicyNetwork(config, normaliser(), timed=False).eval()
    assert network.embed(*inputs()).shape == (3, config.embedding_dim)
    for index, modality in enumerate(("colour", "depth", "points")):
        other = list(inputs())
        other[index] = other[index].flip(0) if index < 2 else other[index].neg()
        same = torch.equal(network.embed(*inputs()), network.embed(*other))
        assert same == (modality not in config.modalities), modality


def test_sizes_of_modalities_and_history():
    config = ModelConfig(modalities=("points",), history=2)
    assert (config.frame_dim, config.embedding_dim) == (config.point_dim, 2 * config.point_dim)
    assert problems(ModelConfig, modalities=["sound"], fusion="sum", history=0) == [
        "modalities[0]: expected one of colour, depth, points, got 'sound'",
        "fusion: expected one of gated, attention, concat, got 'sum'",
        "history: expected an integer of at least 1, got 0",
    ]
    assert problems(ModelConfig, modalities=[]) == [
        "modalities: expected one or more different names, got []"
    ]
