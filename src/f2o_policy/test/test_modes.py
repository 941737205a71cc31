"""The numbers of mode coverage on sets whose answer is known, and the report of a tiny run."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import WindowConfig, Windows
from f2o_policy.evaluation.modes import (
    Sets,
    agreement,
    averaging_index,
    clusters,
    compare_modes,
    transition_scores,
)
from f2o_policy.evaluation.report import most_similar, write_report
from f2o_policy.training.distill import distill
from f2o_policy.training.sample import sample
from f2o_policy.training.train import train

ONES = torch.ones(8)


def two_sided(left, right, jitter=0.02):
    """(4, left + right, 6, 8) chunks: the first joint goes to -1 or to +1."""
    generator = torch.Generator().manual_seed(left * 100 + right)
    chunks = jitter * torch.randn(4, left + right, 6, 8, generator=generator)
    sides = torch.tensor([-1.0] * left + [1.0] * right)
    chunks[..., 0] += sides[:, None] * torch.linspace(0, 1, 6)
    return chunks


def sets(student, teacher=None):
    teacher = two_sided(8, 8) if teacher is None else teacher
    return Sets(teacher, two_sided(8, 8), student, two_sided(1, 0), np.arange(4))


def test_two_sides_are_two_modes_and_one_is_one():
    report = compare_modes(sets(two_sided(4, 12)), ONES)
    assert (report["modes"], report["observations_with_modes"]) == (2.0, 1.0)
    assert report["modes_kept"] == 1.0
    assert report["mode_tv"] == pytest.approx(0.25)
    assert report["entropy_teacher"] == pytest.approx(1.0)
    assert report["entropy_student"] == pytest.approx(0.811, abs=1e-3)
    assert report["demo_kept"] == 1.0
    alone = compare_modes(sets(two_sided(16, 0), teacher=two_sided(16, 0)), ONES)
    assert alone["modes"] == 1.0
    assert "modes_kept" not in alone


def test_how_far_the_joints_of_modes_are_apart_and_whether_agree_rad_tells_them():
    half = np.full(7, 0.5)  # 1 stands for half a rad
    both = sets(two_sided(8, 8))
    report = compare_modes(dataclasses.replace(both, joints_half=half), ONES)
    # of one joint in seven 2 apart at the end of a line: 2 * 0.5 * sqrt(mean of its squares / 7)
    apart = np.sqrt((np.linspace(0, 1, 6) ** 2).mean() / 7)
    assert report["between_modes_rad"] == pytest.approx(apart, rel=0.05)
    assert report["within_mode_rad"] == pytest.approx(0.02 * 0.5 * np.sqrt(2), rel=0.2)
    assert "within_mode_rad" not in compare_modes(both, ONES)  # actions are poses
    one = compare_modes(dataclasses.replace(sets(two_sided(16, 0), two_sided(16, 0)), joints_half=half), ONES)
    assert "within_mode_rad" in one and "between_modes_rad" not in one and agreement(one, 0.05) == ""
    assert "tells the modes apart" in agreement(report, 0.05)
    assert "is too large: modes 0.2" in agreement(report, 0.3)
    assert "is too small" in agreement(report, 0.01)
    assert "no value tells them apart" in agreement({"within_mode_rad": 0.2, "between_modes_rad": 0.1}, 0.05)


def test_a_lost_side_is_seen_and_so_is_the_demonstration_on_it():
    report = compare_modes(sets(two_sided(0, 16)), ONES)
    assert report["modes_kept"] == 0.5
    assert report["entropy_student"] == 0.0
    assert report["demo_kept"] == 0.0


def test_the_spread_ratio_counts_where_there_are_modes():
    report = compare_modes(sets(two_sided(8, 8)), ONES)
    assert report["spread_ratio_modes"] == pytest.approx(1.0, abs=0.05)


def test_a_single_stray_trajectory_is_no_mode():
    teacher = two_sided(15, 1)
    assert compare_modes(sets(two_sided(16, 0), teacher), ONES)["modes"] == 1.0


def test_the_averaging_index_finds_what_lies_between():
    teacher, again = two_sided(8, 8), two_sided(9, 7)
    middle = torch.zeros(4, 16, 6, 8)
    assert averaging_index(teacher, again, middle, ONES) == 1.0
    assert (
        averaging_index(teacher, again, two_sided(7, 9), ONES) < 0.05
    )  # 5 % of the teacher's own are called far
    half = torch.cat([middle[:, :4], two_sided(6, 6)], 1)
    assert averaging_index(teacher, again, half, ONES) == pytest.approx(0.25, abs=0.05)


def test_a_trajectory_beside_a_mode_is_not_between_the_modes():
    teacher, again = two_sided(8, 8), two_sided(9, 7)
    for share, index in ((0.9, 0.0), (0.6, 0.0), (0.4, 1.0)):
        student = torch.zeros(4, 16, 6, 8)
        student[..., 0] = share * torch.linspace(0, 1, 6)
        assert averaging_index(teacher, again, student, ONES) == index, share


def test_clusters_are_split_by_the_gap_alone():
    x = np.array([0.0, 0.1, 0.2, 1.0, 1.1])
    within = np.abs(x[:, None] - x)
    assert len(set(clusters(within, 0.5))) == 2
    assert len(set(clusters(within, 2.0))) == 1


def test_transitions_are_found_near_and_in_their_direction():
    closing = torch.tensor([[1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0]])
    late = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
    opening, never = -closing[0], torch.ones(7)
    chunks = torch.stack([closing[0], late, opening, never])[None]
    recall, precision = transition_scores(closing, chunks)
    assert recall == pytest.approx(2 / 4)
    assert precision == pytest.approx(2 / 3)
    recall, precision = transition_scores(torch.ones(1, 7), chunks[:, 3:])
    assert np.isnan([recall, precision]).all()


def test_the_report_of_a_run(tmp_path, tiny_data, tiny_config):
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    assert train(tiny_data, teacher, tiny_config, progress=False)
    assert sample(teacher, tiny_data, tmp_path / "sets", tiny_config, progress=False)
    assert distill(teacher, tmp_path / "sets", student, tiny_config, progress=False)
    numbers = write_report(student, teacher, tiny_data, tmp_path / "report", observations=3, count=4)
    written = json.loads((tmp_path / "report" / "modes.json").read_text())
    assert written["numbers"]["coverage"] == numbers["coverage"]
    assert (written["seed"], written["data_sha256"]) == (0, Dataset(tiny_data).sha256)
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2  # the modes and the training curve
    assert "coverage_ratio" in page
    assert (tmp_path / "report" / "modes.png").stat().st_size > 10_000


def test_the_most_similar_observations_are_one_per_episode_and_begin_with_itself(tiny_data):
    windows = Windows(Dataset(tiny_data), WindowConfig(horizon=8))
    found = most_similar(windows, 5)
    assert len(found) == len(windows.dataset.episodes)
    assert np.array_equal(found[0], windows.window(5).actions)
