"""Tables of runs of ``f2o eval``: two policies on the same scenes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from f2o_policy.evaluation.statistics import mcnemar, wilson

from benchmarks.report.markdown import origin, table


def paired(result: Mapping[str, Any]) -> str:
    """One row per run: what was run, its pairs, both policies, and what the pairs say.

    Each run is a report of ``f2o eval`` with ``what`` and ``made`` beside it; the first policy is the student.
    """
    header = (
        "run",
        "pairs",
        "student's won [95 %], left : right of them",
        "teacher's",
        "collisions",
        "McNemar p",
    )
    rows = [_row(run) for run in result["runs"]]
    origins = "".join(f"- {run['what']}: {origin(run['made'])}" for run in result["runs"])
    return f"{origins}\n{table(header, rows)}"


def _row(run: Mapping[str, Any]) -> tuple[object, ...]:
    won, sides = zip(*(_outcomes(policy["episodes"]) for policy in run["policies"]), strict=True)
    collisions = sum(policy["collisions"] for policy in run["policies"])
    cells = [_cell(*policy) for policy in zip(won, sides, strict=True)]
    return (run["what"], len(won[0]), *cells, collisions, f"{mcnemar(*won):.2g}")


def _outcomes(episodes: list[Any]) -> tuple[list[bool], list[str]]:
    """Success and side of every episode, recorded as an object or as (seed, success, side, seconds)."""
    pairs = [(e["success"], e["side"]) if isinstance(e, dict) else (e[1], e[2]) for e in episodes]
    return [bool(success) for success, _ in pairs], [side for _, side in pairs]


def _cell(won: list[bool], sides: list[str]) -> str:
    low, high = wilson(sum(won), len(won))
    left, right = (
        sum(s and side == name for s, side in zip(won, sides, strict=True)) for name in ("left", "right")
    )
    return f"{sum(won)} [{low:.2f}, {high:.2f}], {left} : {right}"
