"""The toys of `make bench-modes` and its report; that the methods learn on such a ring is shown by test_ring.py."""

import pytest
import torch

from benchmarks.modes.__main__ import interval, summarise, table
from benchmarks.modes.study import STUDENTS, StudyConfig, hit, run
from benchmarks.modes.tasks import TOYS, Detour, Ring

TINY = StudyConfig(teacher_steps=20, teacher_batch=32, student_steps=5, sets=16, judged=4, samples=8)


@pytest.mark.parametrize("toy", TOYS.values())
def test_demonstrations_are_valid_and_take_every_mode(toy):
    torch.manual_seed(0)
    toy = toy()
    conditions = toy.conditions(16)
    samples = torch.stack([toy.demonstrations(conditions) for _ in range(256)], 1)
    truth = toy.judge(conditions, samples)
    assert truth.valid.float().mean() > 0.995
    assert hit(truth.valid, truth.mode, toy.modes).tolist() == [toy.modes] * 16
    counts = torch.bincount(truth.mode.flatten(), minlength=toy.modes) / truth.mode.numel()
    assert (counts - 1 / toy.modes).abs().max() < 0.03


@pytest.mark.parametrize("toy", TOYS.values())
def test_the_mean_of_the_demonstrations_is_not_valid(toy):
    torch.manual_seed(0)
    toy = toy()
    conditions = toy.conditions(64)
    mean = torch.stack([toy.demonstrations(conditions) for _ in range(256)]).mean(0)
    assert toy.judge(conditions, mean[:, None]).valid.float().mean() < 0.05


def test_a_detour_is_judged_between_its_points_and_by_its_end():
    condition = torch.zeros(1, 3)
    over = torch.tensor([[-1.0, 0.0], [0.0, 0.4], [1.0, 0.0]])
    through = torch.tensor([[-1.0, 0.0], [-0.4, 0.0], [1.0, 0.0]])  # no point inside the disc, but a line
    short = torch.tensor([[-1.0, 0.0], [0.0, -0.4], [0.8, 0.0]])
    truth = Detour().judge(condition, torch.stack([over, through, short])[None])
    assert truth.valid.tolist() == [[True, False, False]]
    assert truth.mode[0, [0, 2]].tolist() == [1, 0]


def test_a_ring_point_belongs_to_the_nearest_mode_within_four_sigma():
    centre = torch.tensor([[0.5, -0.5]])
    points = centre + torch.tensor([[1.3, 0.0], [1.33, 0.0], [0.0, 1.0], [0.0, 0.0]])
    truth = Ring().judge(centre, points[None, :, None])
    assert truth.valid.tolist() == [[True, False, True, False]]
    assert truth.mode[0, :3].tolist() == [0, 0, 2]


@pytest.fixture(scope="module")
def ring():
    return run("ring of 8", 0, TINY)


def test_the_report_names_seed_configuration_and_interval(ring):
    other = ring | {"seed": 1}
    report = summarise([ring, other], StudyConfig())
    assert report["seeds"] == [0, 1]
    assert report["config"]["teacher_steps"] == StudyConfig().teacher_steps
    valid = report["toys"]["ring of 8"]["Chamfer, K = 16"]["valid"]
    assert valid == {"mean": round(ring["results"]["Chamfer, K = 16"]["valid"], 4), "half_width": 0.0}
    assert all(name in table(report) for name in STUDENTS)


def test_the_interval_is_students():
    assert interval([1.0, 2.0, 3.0]) == {"mean": 2.0, "half_width": pytest.approx(4.303 / 3**0.5, abs=1e-3)}
