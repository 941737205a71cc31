"""The figures of `make bench` about learning mean what they say; how large they are is not tested."""

import pytest
import torch
from f2o_nodekit.paths import SOURCE_CONFIG
from f2o_policy.checkpoint import load_checkpoint

from benchmarks.speed.learning import _memory, _peak_bytes


def test_the_peak_counts_what_is_held_at_once():
    def step():
        for _ in range(5):
            torch.zeros(1_000_000)  # freed again before the next

    def hoard():
        assert len([torch.zeros(1_000_000) for _ in range(5)]) == 5

    assert _peak_bytes(step) == pytest.approx(4e6, rel=0.3)
    assert _peak_bytes(hoard) == pytest.approx(20e6, rel=0.1)


def test_a_set_of_sixteen_does_not_cost_the_memory_of_sixteen():
    checkpoint = load_checkpoint(SOURCE_CONFIG.parent / "checkpoints" / "reach_around" / "teacher.pt")
    two, sixteen, bounded = (row["peak_mb"] for row in _memory(checkpoint))
    assert sixteen > 5 * two  # eight times the hypotheses
    assert bounded < 3 * two
