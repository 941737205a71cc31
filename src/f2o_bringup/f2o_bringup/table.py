"""The newest diagnostics of every node as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEVELS = {0: ("ok", "32"), 1: ("WARN", "33"), 2: ("ERROR", "31"), 3: ("STALE", "35")}
SILENT_S = 3.0  # three reports missed: what it said last is not what it does now
CELL = 30


@dataclass(frozen=True)
class Status:
    """One report of one part of a node."""

    level: int  # of diagnostic_msgs/DiagnosticStatus
    message: str
    values: Mapping[str, str] = field(default_factory=dict)
    heard_mono_s: float = 0.0


STALE = 3


def level_of(status: Status, now_mono_s: float) -> int:
    """The level of a report now: one that was not repeated for ``SILENT_S`` is stale."""
    return STALE if now_mono_s - status.heard_mono_s > SILENT_S else status.level


def render(reports: Mapping[str, Status], now_mono_s: float, width: int = 120, colour: bool = True) -> str:
    """Every report, in the order of names: how it is, what it says, its values in columns.

    One that fell silent for ``SILENT_S`` is shown as stale, with its age.
    """
    if not reports:
        return "nothing on /diagnostics yet"
    lines = []
    for name, status in sorted(reports.items()):
        level, message = level_of(status, now_mono_s), status.message
        if level == STALE:
            message = f"silent for {now_mono_s - status.heard_mono_s:.0f} s; last: {message}"
        word, code = LEVELS.get(level, LEVELS[2])
        mark = f"\033[{code}m{word:<5}\033[0m" if colour else f"{word:<5}"
        lines.append(f"{mark}  {name:<32} {message}"[: width + (len(mark) - 5)])
        lines += _columns(status.values, width)
    return "\n".join(lines)


def _columns(values: Mapping[str, str], width: int) -> list[str]:
    cells = [f"{key} {value}"[:CELL].ljust(CELL) for key, value in values.items()]
    many = max(1, (width - 7) // (CELL + 1))
    return [" " * 7 + " ".join(cells[i : i + many]).rstrip() for i in range(0, len(cells), many)]
