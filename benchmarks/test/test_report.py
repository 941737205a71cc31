"""docs/results.md says what benchmarks/results says, and a result that lacks its origin says that."""

import json
import shutil

import pytest

from benchmarks import RESULTS
from benchmarks.common.record import write_result
from benchmarks.report.__main__ import DOCUMENT, main
from benchmarks.report.markdown import blocks, origin, percent, table
from benchmarks.report.paired import paired
from benchmarks.report.tables import TABLES


@pytest.fixture
def report(monkeypatch):
    def run(*words):
        monkeypatch.setattr("sys.argv", ["report", *map(str, words)])
        return main()

    return run


@pytest.fixture
def copy(tmp_path):
    """A document and results that a test may change."""
    shutil.copy(DOCUMENT, tmp_path / "results.md")
    shutil.copytree(RESULTS, tmp_path / "results")
    return ("--document", tmp_path / "results.md", "--results", tmp_path / "results")


def test_the_document_is_what_the_results_make_of_it(report, capsys):
    assert report("--check") == 0
    assert capsys.readouterr().out == "up to date\n"


def test_every_table_has_its_place_and_every_result_its_table():
    assert sorted(blocks(DOCUMENT.read_text())) == sorted(TABLES)
    assert {name for name, _ in TABLES.values()} == {path.stem for path in RESULTS.glob("*.json")}


def test_a_changed_result_is_out_of_date_until_the_document_is_made_anew(report, copy, capsys):
    path = copy[-1] / "soak.json"
    result = json.loads(path.read_text())
    result["live"]["ticks"] = 123456.0
    path.write_text(json.dumps(result))
    assert report("--check", *copy) == 1
    assert capsys.readouterr().out == "out of date: soak; run python -m benchmarks.report\n"
    assert report(*copy) == 0
    assert "| ticks | 123,456 |" in copy[1].read_text()
    assert report("--check", *copy) == 0


def test_the_text_around_the_tables_is_left_alone(report, copy):
    copy[1].write_text("before\n<!-- table udp -->\nold\n<!-- end udp -->\nafter\n")
    assert report(*copy) == 0
    text = copy[1].read_text()
    assert text.startswith("before\n<!-- table udp -->\n`python -m benchmarks.udp") and "old" not in text
    assert text.endswith("|\n<!-- end udp -->\nafter\n")


def test_a_table_or_file_that_there_is_not_is_one_sentence(report, copy, capsys):
    copy[1].write_text("<!-- table speed -->\n<!-- end speed -->\n")
    assert report(*copy) == 2
    assert capsys.readouterr().err.startswith("report: table speed: expected one of loop, demo, ")
    copy[1].write_text("<!-- table loop -->\n<!-- end loop -->\n")
    (copy[-1] / "loop.json").unlink()
    assert report(*copy) == 2
    assert capsys.readouterr().err.endswith("loop.json: cannot be read (No such file or directory)\n")


def test_what_a_result_does_not_say_is_not_recorded():
    assert origin({"command": "make bench"}) == "`make bench` · not recorded · not recorded, not recorded\n"


def test_a_result_says_how_it_was_made(tmp_path):
    write_result(tmp_path / "x.json", {"made": {"command": "an older one"}, "ticks": 3})
    found = json.loads((tmp_path / "x.json").read_text())
    assert (list(found), found["ticks"]) == (["made", "ticks"], 3)
    assert found["made"].keys() == {"command", "machine", "commit", "date"}
    assert found["made"]["command"].startswith("python ")
    assert " cores of " in found["made"]["machine"]


def test_numbers_as_people_write_them():
    assert (percent(0.0313, 1), percent(1.0)) == ("3.1 %", "100 %")
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n|---|---|\n| 1 | x |\n"


def test_pairs_are_counted_whatever_form_an_episode_was_kept_in():
    won, lost = {"success": True, "side": "left"}, [7, False, "right", 10.0]
    run = {
        "what": "a run",
        "made": {},
        "policies": [
            {"episodes": [won] * 8, "collisions": 1},
            {"episodes": [lost] * 8, "collisions": 2},
        ],
    }
    text = paired({"runs": [run]})
    assert "| a run | 8 | 8 [0.68, 1.00], 8 : 0 | 0 [0.00, 0.32], 0 : 0 | 3 | 0.0078 |" in text
