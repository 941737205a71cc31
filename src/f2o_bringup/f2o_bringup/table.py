"""The newest diagnostics of every node as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Group
from rich.text import Text

STALE = 3
LEVELS = {0: ("ok", "green"), 1: ("WARN", "yellow"), 2: ("ERROR", "red"), STALE: ("STALE", "magenta")}
SILENT_S = 3.0  # three reports missed: the last one is out of date
CELL = 30


@dataclass(frozen=True)
class Status:
    """One report of one part of a node."""

    level: int  # of diagnostic_msgs/DiagnosticStatus
    message: str
    values: Mapping[str, str] = field(default_factory=dict)
    received_mono_s: float = 0.0


def level_of(status: Status, now_mono_s: float) -> int:
    """The level of a report now: one that was not repeated for ``SILENT_S`` is stale."""
    return STALE if now_mono_s - status.received_mono_s > SILENT_S else status.level


def render(reports: Mapping[str, Status], now_mono_s: float, width: int = 120) -> Group:
    """Every report, sorted by name: level, message, and values in columns that fill ``width``.

    A report not repeated for ``SILENT_S`` is shown as stale, with its age.
    """
    if not reports:
        return Group(Text("nothing on /diagnostics yet"))
    lines: list[Text] = []
    for name, status in sorted(reports.items()):
        level, message = level_of(status, now_mono_s), status.message
        if level == STALE:
            message = f"silent for {now_mono_s - status.received_mono_s:.0f} s; last: {message}"
        word, style = LEVELS.get(level, LEVELS[2])
        lines.append(Text.assemble((f"{word:<5}", style), f"  {name:<32} {message}"))
        lines += _columns(status.values, width)
    return Group(*lines)


def _columns(values: Mapping[str, str], width: int) -> list[Text]:
    cells = [f"{key} {value}"[:CELL].ljust(CELL) for key, value in values.items()]
    many = max(1, (width - 7) // (CELL + 1))
    return [Text(" " * 7 + " ".join(cells[i : i + many]).rstrip()) for i in range(0, len(cells), many)]
