"""Errors on held-out episodes, where the answer is known."""

import numpy as np
import pytest
from f2o_policy.errors import CheckpointError
from f2o_policy.evaluation.heldout import errors, held_out
from f2o_policy.training.train import train
from toys import write_dataset


def test_errors_are_in_radians_and_the_nearest_chunk_counts_apart():
    shown = np.zeros((2, 3, 8))
    drawn = np.zeros((2, 2, 3, 8))
    drawn[:, 1, :, :7], drawn[:, 1, :, 7] = 0.2, 0.01
    assert errors(drawn, shown) == {"mean_rad": 0.1, "nearest_rad": 0.0, "gripper_m": 0.005}


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
