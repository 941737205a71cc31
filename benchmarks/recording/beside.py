"""What the recorder costs the policy beside it: the policy's loop with and without, in turns, in one run."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bags.read import open_bag
from f2o_bringup.processes import start
from f2o_teleop.testing import configure

from benchmarks.recording.crash import recorder
from benchmarks.recording.load import Meter

GOODBYE_S = 5.0
SETTLE_S = 2.0  # after a recorder came or went: its start is not its work
PERCENTILES = (50.0, 99.0, 99.9, 100.0)
Phase = tuple[bool, int, int]  # the recorder recorded; begin and end [ROS ns]


def run(
    seconds: float,
    folder: Path,
    camera_hz: float,
    width: int,
    height: int,
    checkpoint: Path | None = None,
    turns: int = 6,
    niceness: int | None = None,
) -> dict[str, Any]:
    """Let a policy run in the simulator, ``seconds`` without and ``seconds`` with a recorder, ``turns`` times each.

    Raises:
        TeleopError: a node does not do its part in a minute. EndedError: one has ended.
    """
    from benchmarks.recording.beside_node import in_turns

    changes = {} if niceness is None else {"niceness": niceness}
    config = configure(folder, folder / "bags", camera_hz, width, height, preflight=False, **changes)
    trace = folder / "policy.npz"
    arguments = {"sim": "true", "config": str(config), "trace": str(trace)}
    arguments |= {"checkpoint": str(checkpoint.resolve())} if checkpoint else {}
    used: list[dict[str, float]] = []
    with start("deploy", arguments, lambda line: None) as running:
        phases = in_turns(running, turns, seconds, lambda: Recording(config / "recorder.yaml", used))
    with np.load(trace) as file:
        columns = {name: file[name] for name in file.files if name != "extra"}
    kept = [open_bag(path) for path in sorted((folder / "bags").iterdir())]
    bags = {
        "messages": sum(sum(bag.counts.values()) for bag in kept),
        **{key: sum(int(bag.labels[key]) for bag in kept) for key in ("drops", "lost")},
    }
    settings = {"camera_hz": camera_hz, "size": f"{width}x{height}", "seconds": seconds, "turns": turns}
    return {**settings, **changes, **compare(columns, phases), "recorder": used, "bags": bags}


class Recording:
    """A recorder process and what it uses from ``begin`` on, appended to ``used`` at the end."""

    def __init__(self, config: Path, used: list[dict[str, float]]) -> None:
        self._process, self._used = recorder(config), used

    def __enter__(self) -> Recording:
        self._running = self._process.__enter__()
        self._meter: Meter | None = None
        return self

    def begin(self) -> None:
        """It records from now on."""
        time.sleep(SETTLE_S)
        self._meter = Meter(self._running.pid)

    def end(self) -> None:
        """It has recorded."""
        if self._meter is not None:
            self._used.append(self._meter.stop())

    def __exit__(self, *error: object) -> None:
        self._running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(GOODBYE_S)
        self._process.__exit__(None, None, None)


def compare(columns: dict[str, np.ndarray], phases: list[Phase]) -> dict[str, Any]:
    """Ticks with and without a recorder, while the policy was in charge: time from the release of a tick to its target
    handed over, lateness of ticks [ms]; difference and ratio of p99.9.
    """
    charge = (columns["armed"] > 0) & (columns["ok"] > 0)
    found: dict[str, Any] = {}
    for name, wanted in (("without", False), ("with", True)):
        spans = [(begin, end) for recorded, begin, end in phases if recorded is wanted]
        inside = np.any(
            [(columns["now_ros_ns"] >= a) & (columns["now_ros_ns"] < b) for a, b in spans], axis=0
        )
        rows = charge & inside
        found[name] = {
            "ticks": int(rows.sum()),
            "skipped": int(columns["skipped"][rows].sum()),
            "handed_over_ms": _spread(columns["done_ns"][rows]),
            "late_ms": _spread(columns["late_ns"][rows]),
        }
    before, after = (found[name]["handed_over_ms"]["p99.9"] for name in ("without", "with"))
    return {**found, "p99.9_added_ms": round(after - before, 3), "p99.9_ratio": round(after / before, 3)}


def _spread(ns: np.ndarray) -> dict[str, float]:
    return {f"p{p:g}": round(float(np.percentile(ns, p)) / 1e6, 3) for p in PERCENTILES}
