"""The figures about heads mean what they say; how large they are is not tested."""

import numpy as np
import torch
from f2o_nodekit.paths import SOURCE_CONFIG
from f2o_policy.checkpoint import load_checkpoint
from f2o_sim.session import Session

from benchmarks.speed import heads

STUDENT = SOURCE_CONFIG.parent / "checkpoints" / "reach_around" / "student.pt"


def test_a_row_says_what_was_timed(monkeypatch):
    torch.set_num_threads(1)
    student = load_checkpoint(STUDENT)
    monkeypatch.setattr(heads, "_times", lambda *a: [2.0] * 98 + [9.0] * 2)
    row = heads._row("small", student, "torch", "f32", 2, 5, gflops=1.0, gbytes=1e9)
    assert (row["p50_ms"], row["holds_125_hz"]) == (2.0, False)
    single = heads._row("small", student, "torch", "f32", 1, 5, gflops=1.0, gbytes=1e9)
    np.testing.assert_allclose(row["gflop"] / single["gflop"], 2, rtol=0.05)
    assert row["times_the_roofline"] == round(2.0 / (row["gflop"] * 1e3), 2)
    assert heads._row("small", student, "torch", "bf16", 1, 5, 1.0, 1.0)["refused"].startswith(
        "backend 'torch' computes"
    )
    assert 2.5 < row["million_weights"] < 3.5  # 11 MB of float32


def test_the_machine_is_measured():
    assert 0.5 < heads.memory_gbytes(16, 2) < 2000


def test_a_backend_is_compared_over_all_observations():
    torch.set_num_threads(1)
    student = load_checkpoint(STUDENT)
    session = Session(camera_hz=15.0)
    observations = [session.reset(seed).observation for seed in (0, 1)]
    session.close()
    same = heads.equality(student, observations, "torch", "f32", windows=6)
    assert same == {"windows": 6, "observations": 2, "max_mrad": 0.0, "median_mrad": 0.0}
