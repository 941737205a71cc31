"""Times of every tick, kept in memory and written once on exit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from f2o_policy.runtime.policy import TickResult, TickStatus

COLUMNS = (
    "ideal_mono_ns",
    "late_ns",
    "skipped",
    "armed",
    "ok",
    "age_s",
    "inference_s",
    "done_ns",
    "switches",
)


class Trace:
    """A growing table with one row a tick (see ``COLUMNS``); a row costs microseconds.

    ``done_ns`` is the time from the ideal tick to the target handed to the middleware.
    """

    def __init__(self, rows: int = 1 << 16) -> None:
        self._rows = np.zeros((rows, len(COLUMNS)))
        self.count = 0

    def add(
        self,
        ideal_mono_ns: int,
        late_ns: int,
        skipped: int,
        armed: bool,
        result: TickResult,
        done_ns: int,
        switches: int,
    ) -> None:
        """Append one tick."""
        if self.count == len(self._rows):
            self._rows = np.vstack([self._rows, np.zeros_like(self._rows)])
        ok = result.status is TickStatus.OK
        row = (
            ideal_mono_ns,
            late_ns,
            skipped,
            armed,
            ok,
            result.observation_age_s,
            result.inference_s,
            done_ns,
            switches,
        )
        self._rows[self.count] = row
        self.count += 1

    def column(self, name: str) -> np.ndarray:
        """One column of all ticks, (count,)."""
        return self._rows[: self.count, COLUMNS.index(name)]

    def save(self, path: str | Path, **extra: Any) -> None:
        """Write every column and ``extra`` (as JSON) to an .npz."""
        columns = {name: self.column(name) for name in COLUMNS}
        np.savez_compressed(path, **columns, extra=json.dumps(extra))


def summarise(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Rate, period, misses, inference and observation age over the ticks in which the policy was in charge.

    A period is the distance between the starts of two successive ticks of one episode; a deadline is missed when a
    tick starts after the next one was due (it is skipped and counted) or hands over its target after that.
    """
    charge = (columns["armed"] > 0) & (columns["ok"] > 0)
    start = columns["ideal_mono_ns"] + columns["late_ns"]
    follows = charge[1:] & charge[:-1]
    period_ms = np.diff(start)[follows] / 1e6
    span_s = period_ms.sum() / 1e3
    nominal_ns = np.median(np.diff(columns["ideal_mono_ns"])) if len(start) > 1 else 8e6
    late_handover = charge & (columns["done_ns"] > nominal_ns)
    return {
        "ticks": int(charge.sum()),
        "tick_hz": float(len(period_ms) / span_s) if span_s else 0.0,
        "tick_period_ms": _percentiles(period_ms),
        "tick_late_ms": _percentiles(columns["late_ns"][charge] / 1e6),
        "release_to_target_ms": _percentiles(columns["done_ns"][charge] / 1e6),
        "deadline_misses": int(columns["skipped"][1:][follows].sum() + late_handover.sum()),
        "inference_ms": _percentiles(columns["inference_s"][charge] * 1e3),
        "observation_age_ms": _percentiles(columns["age_s"][charge] * 1e3),
    }


def _percentiles(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return dict.fromkeys(("p50", "p99", "p999", "max"), float("nan"))
    p50, p99, p999 = np.percentile(values, [50, 99, 99.9])
    return {
        "p50": round(float(p50), 3),
        "p99": round(float(p99), 3),
        "p999": round(float(p999), 3),
        "max": round(float(values.max()), 3),
    }
