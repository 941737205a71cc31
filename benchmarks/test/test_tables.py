"""The ablations: what the rows are made of, that they run and resume, and what the report says of them."""

import dataclasses

import pytest
from f2o_nodekit.config import build_config
from f2o_policy.evaluation.statistics import wilson
from f2o_policy.training.config import Config

from benchmarks.report.tables import tables
from benchmarks.tables.__main__ import draw, summarise
from benchmarks.tables.rows import COUNTS, HORIZONS, MASKS, MODALITIES, Budget, Row, rows, teachers
from benchmarks.tables.stages import Place


def with_overrides(overrides):
    return build_config(Config, dataclasses.asdict(Config()), "row", overrides)


def test_every_row_has_its_teacher_and_every_teacher_its_row():
    budget = Budget()
    made, used = {t.name for t in teachers(budget)}, {r.teacher for r in rows(budget)}
    assert used == made | {""}  # '' is the given teacher
    assert len(rows(budget)) == len(HORIZONS) + len(COUNTS) + len(MASKS) + len(MODALITIES)


def test_every_override_is_a_valid_configuration_that_says_what_the_row_says():
    budget = Budget(head_steps=7)
    for teacher in teachers(budget):
        config = with_overrides(teacher.overrides)
        assert config.model.horizon == config.window.horizon
    caps = {t.name: with_overrides(t.overrides).cfm.mask_cap for t in teachers(budget)}
    assert (caps["mask off"], caps["mask uncapped"], caps["h16"]) == (0.0, 1.0, 0.2)
    for row in rows(budget):
        if row.table == "count":
            config = with_overrides(row.student)
            assert row.name == f"K = {config.sets.used}" == f"K = {config.imle.hypotheses}"


def test_a_row_s_folder_has_a_plain_name():
    slugs = [row.slug for row in rows(Budget())]
    assert len(set(slugs)) == len(slugs)
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyzHK=_.0123456789") for slug in slugs)


@pytest.fixture
def results():
    def one(row, won):
        episodes = [{"success": w} for w in won]
        played = {
            "success_rate": sum(won) / len(won),
            "interval": list(wilson(sum(won), 8)),
            "left": 1,
            "right": 2,
            "collisions": 0,
        }
        forks = {"into the post": 0.25, "scenes_with_both_sides": 0.5}
        return {**dataclasses.asdict(row), "played": {**played, "episodes": episodes}, "forks": forks}

    return [
        one(Row("mask", "off"), [True] * 8),
        one(Row("mask", "uncapped"), [False] * 8),
        one(Row("count", "K = 16"), [True, False] * 4),
    ]


@pytest.mark.parametrize(("won", "of"), [(6, 6), (0, 11)])
def test_all_or_none_won_is_drawn(won, of, tmp_path):
    low, high = wilson(won, of)
    assert not low <= won / of <= high  # by a rounding error
    entry = {"name": "off", "success": won / of, "interval": [low, high]}
    draw({"tables": {"mask": [entry]}}, tmp_path / "tables.png")
    assert (tmp_path / "tables.png").stat().st_size > 5_000


def test_rows_are_paired_with_the_first_of_their_table(results, tmp_path):
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "checkpoint.pt").write_bytes(b"weights")
    place = Place(tmp_path / "data", tmp_path / "teacher", tmp_path, tmp_path, tmp_path)
    report = summarise(results, Budget(), place, data_sha256="d" * 64)
    assert [e["p_against_first"] for e in report["tables"]["mask"]] == [1.0, pytest.approx(2 / 2**8)]
    assert report["tables"]["count"][0]["p_against_first"] == 1.0
    assert report["budget"]["head_steps"] == Budget().head_steps
    text = tables(report)
    assert "| mask | uncapped | 0.00 [0.00, 0.32] | 0.0078 | 1 : 2 | 0 | 25.0 % | 50 % |" in text
    draw(report, tmp_path / "tables.png")
    assert (tmp_path / "tables.png").stat().st_size > 5_000
