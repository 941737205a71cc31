"""Intervals and paired tests of success rates."""

import pytest
from f2o_policy.evaluation.statistics import mcnemar, wilson


def test_wilson_intervals():
    assert wilson(10, 20) == pytest.approx((0.299, 0.701), abs=1e-3)  # published example
    assert wilson(20, 20) == pytest.approx((0.839, 1.0), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_looks_at_disagreements_alone():
    assert mcnemar([True] * 5 + [False] * 5, [True] * 5 + [False] * 5) == 1.0
    assert mcnemar([True] * 8, [False] * 8) == pytest.approx(2 / 2**8)
    assert mcnemar([True, False], [False, True]) == 1.0
