"""The table of ``f2o watch``."""

import io

from f2o_bringup.table import Status, level_of
from f2o_bringup.table import render as rendered
from rich.console import Console


def render(reports, now_mono_s, width=120, colour=False):
    """What a terminal, or a file, gets."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, highlight=False)
    console.print(rendered(reports, now_mono_s, width), crop=True, no_wrap=True)
    return out.getvalue().rstrip("\n")


def test_every_part_has_its_line_and_its_values_in_columns():
    values = {f"key_{i}": str(i) for i in range(5)}
    reports = {
        "policy_node: loop": Status(0, "ok", values, 10.0),
        "bridge_node: bridge": Status(1, "hold", {}, 9.5),
    }
    lines = render(reports, 10.0, width=80).splitlines()
    assert lines[0].split() == ["WARN", "bridge_node:", "bridge", "hold"]
    assert lines[1].split() == ["ok", "policy_node:", "loop", "ok"]
    assert [len(line.split()) // 2 for line in lines[2:]] == [2, 2, 1]
    assert max(map(len, lines)) <= 80


def test_who_falls_silent_is_stale_and_says_for_how_long():
    status = Status(0, "ok", {}, 0.0)
    assert (level_of(status, 1.0), level_of(status, 12.0)) == (0, 3)
    text = render({"a: b": status}, 12.0)
    assert text.startswith("STALE")
    assert "silent for 12 s; last: ok" in text


def test_colours_are_for_terminals():
    error = {"a: b": Status(2, "fault", {}, 0.0)}
    assert "\033[31mERROR" in render(error, 0.0, colour=True)
    assert "\033" not in render(error, 0.0)
    assert render({}, 0.0) == "nothing on /diagnostics yet"
