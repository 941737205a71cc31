"""Tables as Markdown, and where they stand in a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

MISSING = "not recorded"
ORIGIN = ("command", "machine", "commit", "date")
BLOCK = re.compile(r"(<!-- table (?P<name>\w+) -->\n)(?P<content>.*?)(<!-- end (?P=name) -->)", re.DOTALL)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    line = "|" + "---|" * len(header) + "\n"
    return _line(header) + line + "".join(map(_line, rows))


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


def origin(made: Mapping[str, str]) -> str:
    """Which command made the numbers, on what, of which commit, when; what is missing says so."""
    command, machine, commit, date = (made.get(key, MISSING) for key in ORIGIN)
    note = f", {made['note']}" if "note" in made else ""
    return f"`{command}`{note} · {machine} · {commit}, {date}\n"


def percent(share: float, digits: int = 0) -> str:
    """A share as people write it: 0.5 is '50 %'."""
    return f"{100 * share:.{digits}f} %"


def blocks(text: str) -> list[str]:
    """Names of the tables that a document holds, in order."""
    return [match["name"] for match in BLOCK.finditer(text)]


def replace_blocks(text: str, tables: Mapping[str, str]) -> str:
    """The document with each of its tables made anew; KeyError where ``tables`` lacks one."""
    return BLOCK.sub(lambda match: f"{match[1]}{tables[match['name']]}{match[4]}", text)
