"""Rows of a loop: blocks, the newest ones, and what is on disk."""

import json

import numpy as np
import pytest
from f2o_nodekit.rows import Rows

KIND = np.dtype([("stamp", "i8"), ("age", "f8")])


def filled(count, **how):
    rows = Rows(KIND, block=4, **how)
    for k in range(count):
        rows.add((10**18 + k, k / 2))
    return rows


@pytest.mark.parametrize("count", [0, 3, 4, 5, 12, 13])
def test_all_rows_are_kept_in_order(count):
    rows = filled(count)
    assert rows.count == count
    assert rows.columns()["stamp"].tolist() == [10**18 + k for k in range(count)]


@pytest.mark.parametrize("many", [0, 1, 3, 4, 9, 100])
def test_the_newest_are_found_across_blocks(many):
    assert filled(10).recent(many)["age"].tolist() == [k / 2 for k in range(10)][max(10 - many, 0) :]


def test_a_table_that_is_not_kept_stays_small():
    rows = filled(1000, keep=False)
    assert rows.count == 1000
    assert 4 <= len(rows.columns()["age"]) <= 8
    assert rows.recent(2)["age"].tolist() == [499.0, 499.5]


def test_it_is_saved_whole_with_what_it_was_made_from(tmp_path):
    filled(11).save(tmp_path / "trace.npz", seed=3)
    with np.load(tmp_path / "trace.npz") as saved:
        assert saved["stamp"].tolist() == [10**18 + k for k in range(11)]
        assert json.loads(str(saved["extra"])) == {"seed": 3}
    assert [p.name for p in tmp_path.iterdir()] == ["trace.npz"]
