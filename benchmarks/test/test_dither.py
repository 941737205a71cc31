"""The study of commitment: what is played, and what its tables say."""

from pathlib import Path

import pytest

from benchmarks.dither.__main__ import NEWEST, PERIODS, draw, main, policies, rows, show


def test_every_rule_is_played_at_every_period():
    played = policies(Path("student.pt"), Path("prefix.pt"), PERIODS)
    assert len({c.name for c in played}) == len(played) == 5 * len(PERIODS)
    newest, prefix = (
        next(c for c in played if c.name == f"{rule} @ 4")
        for rule in ("newest, fresh noise", "prefix-conditioned")
    )
    assert (newest.config.executor, newest.config.hypotheses, newest.config.replan_ticks) == (NEWEST, 1, 4)
    assert (Path(prefix.config.checkpoint).name, prefix.config.executor) == ("prefix.pt", NEWEST)
    assert len(policies(Path("student.pt"), None, (1,))) == 4


@pytest.mark.parametrize("given", ["0", "-15", "nan"])
def test_a_frame_rate_that_is_none_is_refused(given, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dither", "--camera-hz", given])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"argument --camera-hz: expected a number above 0, got {given}" in capsys.readouterr().err


@pytest.fixture
def report():
    def row(name, switches):
        return {
            "name": name, "mode_switches": switches, "episodes_run": 4, "jump": 0.002, "jerk": 30.0,
            "success_rate": 0.5, "interval": [0.1, 0.9], "collisions": 1, "left": 1, "right": 1,
            "p_against_first": 1.0,
        }  # fmt: skip

    return {"policies": [row("newest @ 1", 40), row("agreement @ 1", 0), row("newest @ 2", 8)]}


def test_the_table_counts_by_episode_and_is_drawn(report, tmp_path):
    table = rows(report)
    assert [(r["rule"], r["ticks"], r["mode_switches"]) for r in table] == [
        ("newest", 1, 10.0), ("agreement", 1, 0.0), ("newest", 2, 2.0),
    ]  # fmt: skip
    assert table[0]["jump_mrad"] == pytest.approx(2.0)
    assert len(show(table).splitlines()) == 4
    draw(table, tmp_path / "dither.png")
    assert (tmp_path / "dither.png").stat().st_size > 10_000
