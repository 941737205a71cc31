"""A trace of every tick, kept in memory and written on exit."""

from __future__ import annotations

from typing import Any

import numpy as np
from f2o_nodekit.pace import Tick
from f2o_nodekit.rows import Rows

from f2o_policy.runtime.policy import TickResult, TickStatus

ROW = np.dtype(
    [
        ("ideal_mono_ns", "i8"),  # when the tick should have begun
        ("late_ns", "i8"),  # how much later it did
        ("done_ns", "i8"),  # from the ideal tick to the target handed to the middleware
        ("skipped", "i4"),  # deadlines missed before it
        ("armed", "?"),  # the bridge follows the policy
        ("ok", "?"),  # a target was sent, stamped now_ros_ns
        ("switches", "i4"),  # of the mode, since the episode's start
        ("now_ros_ns", "i8"),
        ("stamp_ros_ns", "i8"),  # exposure of the newest embedded images
        ("observed_mono_ns", "i8"),  # their observation was received
        ("embedded_mono_ns", "i8"),  # its embedding was ready
        ("age_s", "f8"),  # now_ros_ns - stamp_ros_ns
        ("inference_s", "f8"),
    ]
)


class Trace(Rows):
    """One row per tick, see ``ROW``; without ``keep`` only those for the diagnostics."""

    def __init__(self, keep: bool = True) -> None:
        super().__init__(ROW, keep)

    def tick(
        self, tick: Tick, result: TickResult, done_ns: int, now_ros_ns: int, armed: bool, switches: int
    ) -> None:
        """Append one tick; ``done_ns`` counts from its ideal time."""
        seen = result.embedded
        stamps = (seen.stamp_ros_ns, seen.observed_mono_ns, seen.embedded_mono_ns) if seen else (0, 0, 0)
        when = tick.ideal_mono_ns, tick.late_ns, done_ns, tick.skipped
        ok = result.status is TickStatus.OK
        ages = result.observation_age_s, result.inference_s
        self.add((*when, armed, ok, switches, now_ros_ns, *stamps, *ages))


def summarise(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Rate, period, misses, inference and observation age over the ticks in which the bridge followed the policy.

    A period is the distance between the starts of two successive ticks of one episode; a deadline is missed when a
    tick starts after the next one was due (it is skipped and counted) or hands over its target after that.
    """
    charge = (columns["armed"] > 0) & (columns["ok"] > 0)
    start = columns["ideal_mono_ns"] + columns["late_ns"]
    follows = charge[1:] & charge[:-1]
    period_ms = np.diff(start)[follows] / 1e6
    span_s = period_ms.sum() / 1e3
    nominal_ns = np.median(np.diff(columns["ideal_mono_ns"])) if len(start) > 1 else 8e6
    inference_s = columns["inference_s"][charge]  # NaN where a tick made no plan
    late_handover = charge & (columns["done_ns"] > nominal_ns)
    return {
        "ticks": int(charge.sum()),
        "tick_hz": float(len(period_ms) / span_s) if span_s else 0.0,
        "tick_period_ms": percentiles(period_ms),
        "tick_late_ms": percentiles(columns["late_ns"][charge] / 1e6),
        "release_to_target_ms": percentiles(columns["done_ns"][charge] / 1e6),
        "deadline_misses": int(columns["skipped"][1:][follows].sum() + late_handover.sum()),
        "inference_ms": percentiles(inference_s[np.isfinite(inference_s)] * 1e3),
        "observation_age_ms": percentiles(columns["age_s"][charge] * 1e3),
    }


def percentiles(values: np.ndarray) -> dict[str, float]:
    """p50, p99, p99.9 and the maximum; NaN without values."""
    if not len(values):
        return dict.fromkeys(("p50", "p99", "p999", "max"), float("nan"))
    p50, p99, p999 = np.percentile(values, [50, 99, 99.9])
    return {
        "p50": round(float(p50), 3),
        "p99": round(float(p99), 3),
        "p999": round(float(p999), 3),
        "max": round(float(values.max()), 3),
    }
