"""The table of ``f2o watch``."""

from f2o_bringup.table import Status, level_of, render


def test_every_part_has_its_line_and_its_values_in_columns():
    values = {f"key_{i}": str(i) for i in range(5)}
    reports = {
        "policy_node: loop": Status(0, "ok", values, 10.0),
        "bridge_node: bridge": Status(1, "hold", {}, 9.5),
    }
    lines = render(reports, 10.0, width=80, colour=False).splitlines()
    assert lines[0].split() == ["WARN", "bridge_node:", "bridge", "hold"]
    assert lines[1].split() == ["ok", "policy_node:", "loop", "ok"]
    assert [len(line.split()) // 2 for line in lines[2:]] == [2, 2, 1]
    assert max(map(len, lines)) <= 80


def test_who_falls_silent_is_stale_and_says_for_how_long():
    status = Status(0, "ok", {}, 0.0)
    assert (level_of(status, 1.0), level_of(status, 12.0)) == (0, 3)
    text = render({"a: b": status}, 12.0, colour=False)
    assert text.startswith("STALE")
    assert "silent for 12 s; last: ok" in text


def test_colours_are_for_terminals():
    error = {"a: b": Status(2, "fault", {}, 0.0)}
    assert "\033[31mERROR" in render(error, 0.0)
    assert "\033" not in render(error, 0.0, colour=False)
    assert render({}, 0.0) == "nothing on /diagnostics yet"
