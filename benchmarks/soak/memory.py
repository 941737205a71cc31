"""Resident memory of a process, and its growth over a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

WARM_UP = 0.2  # share of the run in which memory may still grow


def resident_kb(pid: int | str) -> int:
    """Resident memory of a process [KiB]; ``"self"`` is this one."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def growth(samples: Sequence[tuple[float, int]]) -> float:
    """Share by which memory grew from the end of the warm-up to the end of the run, of (time, KiB)."""
    kb = np.array(samples)[:, 1]
    few = max(len(kb) // 20, 1)
    return float(np.median(kb[-few:]) / np.median(kb[int(WARM_UP * len(kb)) :][:few]) - 1)
