"""Errors on held-out episodes, where the answer is known."""

import json
import sys

import numpy as np
import pytest
from f2o_policy.errors import CheckpointError
from f2o_policy.evaluation.heldout import errors, held_out, main, pose_errors
from f2o_policy.training.train import train
from toys import write_dataset


def test_errors_are_in_radians_and_the_nearest_chunk_counts_apart():
    shown = np.zeros((2, 3, 8))
    drawn = np.zeros((2, 2, 3, 8))
    drawn[:, 1, :, :7], drawn[:, 1, :, 7] = 0.2, 0.01
    assert errors(drawn, shown) == {"mean_rad": 0.1, "nearest_rad": 0.0, "gripper_m": 0.005}


def test_errors_of_poses_are_in_metres_and_degrees():
    shown = np.zeros((2, 3, 10))
    shown[..., [3, 7]] = 1.0  # no rotation
    drawn = np.repeat(shown[:, None], 2, 1)
    drawn[:, 1, :, 0], drawn[:, 1, :, 9] = 0.2, 0.01
    drawn[:, 1, :, 3:9] = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0)  # a quarter turn about z
    assert pose_errors(drawn, shown) == {
        "mean_m": 0.1,
        "nearest_m": 0.0,
        "mean_deg": 45.0,
        "gripper_m": 0.005,
    }


def test_a_policy_stands_beside_two_that_know_nothing(tiny_config, tiny_data, tmp_path):
    run = tmp_path / "run"
    assert train(tiny_data, run, tiny_config, progress=False)
    found = held_out(run, tiny_data, observations=6, count=2)
    assert list(found) == ["policy", "untrained", "standing still"]
    assert all(np.isfinite(list(row.values())).all() for row in found.values())
    assert found["policy"] != found["untrained"]
    assert found["standing still"]["mean_rad"] == found["standing still"]["nearest_rad"] > 0
    with pytest.raises(CheckpointError, match="trained on other data"):
        held_out(run, write_dataset(tmp_path / "other", episodes=3))


def test_the_command_writes_with_what_the_numbers_were_made(
    tiny_config, tiny_data, tmp_path, monkeypatch, capsys
):
    run, out = tmp_path / "run", tmp_path / "held_out.json"
    train(tiny_data, run, tiny_config, progress=False)
    words = ["heldout", "--policy", run, "--data", tiny_data, "--out", out]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    assert main() == 0
    report = json.loads(out.read_text())
    assert set(report["made"]) == {"command", "machine", "date", "code_sha256"}
    assert report["data_sha256"] == json.loads((run / "summary.json").read_text())["data_sha256"]
    assert json.loads(capsys.readouterr().out)["policy"] == report["policy"]
    monkeypatch.setattr(sys, "argv", [*map(str, words[:2]), str(tmp_path / "none"), *map(str, words[3:])])
    assert main() == 2
    assert "none: cannot be read" in capsys.readouterr().err


def test_poses_are_compared_as_poses(tcp_config, tiny_data, tmp_path):
    run = tmp_path / "run"
    assert train(tiny_data, run, tcp_config, progress=False)
    found = held_out(run, tiny_data, observations=6, count=2)
    assert set(found["policy"]) == {"mean_m", "nearest_m", "mean_deg", "gripper_m"}
    assert 0 < found["standing still"]["mean_m"] < 1
