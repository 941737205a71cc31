"""``f2o latency-report``: the latency of every stage from a camera's exposure to the arm's command.

in:   the policy's trace (policy_node's parameter ``trace``), and optionally the bridge's
out:  a table, a JSON file and a figure of every stage
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from f2o_policy.data.files import write_json
from f2o_policy.errors import PolicyError
from f2o_policy.page import figure_of
from f2o_policy.runtime.trace import ROW, percentiles, summarise

BRIDGE = ("target_ros_ns", "received_mono_ns", "sent_mono_ns")
"""Columns of the bridge's trace: for each target it followed its stamp, its arrival, and when its command was sent."""
STAGES = {
    "perceive": "exposure to observation received",
    "embed": "observation received to embedding",
    "wait": "embedding to the tick's ideal time",
    "release": "ideal time to start of the tick",
    "plan": "start of the tick to target handed over",
    "hop": "target handed over to target received by the bridge",
    "command": "target received by the bridge to command handed over",
}


class TraceError(PolicyError):
    """A file that is not the trace it should be."""


@dataclass(frozen=True)
class Latency:
    """Stages in the order of ``STAGES``, each (n,) milliseconds of the same n ticks; ``total`` is their sum."""

    stages: dict[str, Float64[np.ndarray, " n"]]
    ticks: dict[str, Any]  # summarise() of the policy's trace

    @property
    def total(self) -> Float64[np.ndarray, " n"]:
        """Exposure to the end of the last stage [ms]."""
        return np.sum(list(self.stages.values()), axis=0)

    def to_dict(self) -> dict[str, Any]:
        """Percentiles of every stage [ms], and the summary of the ticks."""
        rows = {name: percentiles(values) for name, values in self.stages.items()}
        return {"stages_ms": rows | {"total": percentiles(self.total)}, **self.ticks}


def read_trace(path: Path, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Columns of a trace.

    Raises:
        TraceError: the file is missing, no .npz, or lacks one of them.
    """
    try:
        with np.load(path) as file:
            missing = [name for name in columns if name not in file]
            if not missing:
                return {name: file[name] for name in columns}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise TraceError(f"trace {path}: cannot be read ({error})") from error
    raise TraceError(f"trace {path}: has no {', '.join(missing)}; expected one written by this version")


def measure(policy: dict[str, np.ndarray], bridge: dict[str, np.ndarray] | None = None) -> Latency:
    """Stages of the ticks in which the bridge followed the policy; with ``bridge`` of the targets it took up.

    Raises:
        TraceError: there is no such tick.
    """
    rows = np.flatnonzero(policy["armed"] & policy["ok"])
    followed: list[np.ndarray] = []
    if bridge is not None:
        _, kept, theirs = np.intersect1d(
            policy["now_ros_ns"][rows], bridge["target_ros_ns"], return_indices=True
        )
        rows = rows[kept]
        followed = [bridge[name][theirs] for name in BRIDGE[1:]]
    if not len(rows):
        raise TraceError("trace: no tick in which the bridge followed the policy; was it armed?")
    at = {name: values[rows] for name, values in policy.items()}
    start = at["ideal_mono_ns"] + at["late_ns"]
    exposure = start - (at["now_ros_ns"] - at["stamp_ros_ns"])  # on the monotonic clock
    done = at["ideal_mono_ns"] + at["done_ns"]
    seen = [exposure, at["observed_mono_ns"], at["embedded_mono_ns"], at["ideal_mono_ns"]]
    instants = [*seen, start, done, *followed]
    stages = {name: (b - a) / 1e6 for name, a, b in zip(STAGES, instants, instants[1:], strict=False)}
    return Latency(stages, summarise(policy))


def report(policy: Path, bridge: Path | None, out: Path) -> Latency:
    """Measure two traces and write ``latency.json`` and ``latency.png`` into ``out``.

    Raises:
        TraceError: a trace cannot be used.
    """
    theirs = None if bridge is None else read_trace(bridge, BRIDGE)
    latency = measure(read_trace(policy, ROW.names or ()), theirs)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "latency.json", latency.to_dict())
    draw(latency, out / "latency.png")
    return latency


def table(latency: Latency) -> str:
    """The stages as text, one line each."""
    rows = latency.to_dict()["stages_ms"]
    lines = [f"{'stage':<46}{'p50':>8}{'p99':>8}{'p99.9':>8}{'max':>8}  ms"]
    for name, row in rows.items():
        label = STAGES.get(name, "exposure to the end of the last stage")
        lines.append(f"{label:<46}" + "".join(f"{row[k]:8.2f}" for k in ("p50", "p99", "p999", "max")))
    return "\n".join(lines)


def draw(latency: Latency, path: Path) -> None:
    """Above, the mean of every stage in all and in the slowest ticks; below, the distribution of the total."""
    figure, (bars, line) = figure_of((8, 6), (2, 1))
    total = latency.total
    slow = total >= np.percentile(total, 99)
    for height, (label, rows) in enumerate({"slowest 1 %": slow, "all ticks": slow | True}.items()):
        left = 0.0
        for colour, (name, values) in enumerate(latency.stages.items()):
            width = float(values[rows].mean())
            named = name if label == "all ticks" else None
            bars.barh(height, width, left=left, color=f"C{colour}", label=named)
            left += width
        bars.text(left, height, f" {left:.1f} ms", va="center")
    bars.set(yticks=(0, 1), yticklabels=("slowest 1 %", "all ticks"), xlabel="mean time since exposure [ms]")
    bars.margins(x=0.12)
    bars.legend(ncols=len(latency.stages), loc="upper center", bbox_to_anchor=(0.5, 1.25), frameon=False)
    line.plot(np.sort(total), np.linspace(0, 100, len(total)))
    for share in (50, 99):
        line.axhline(share, color="grey", linestyle=":", linewidth=0.8)
    line.set(xlabel="exposure to the end of the last stage [ms]", ylabel="share of ticks [%]")
    figure.savefig(path, dpi=150)
