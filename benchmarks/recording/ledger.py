"""What a recorder received, in memory that outlives it: a mapped file of (topic, stamp), read after the kill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

LEDGER = "F2O_BENCH_LEDGER"  # environment variable: the path
ROWS = 1 << 16


class Ledger:
    """Row 0 counts; the others are (number of the topic, stamp [ROS ns]). Topics are numbered in sorted order."""

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        self._rows = np.memmap(path, np.int64, "w+" if create else "r+", shape=(ROWS, 2))

    def add(self, topic: int, stamp: int) -> None:
        """One message; what does not fit is left out."""
        count = int(self._rows[0, 0])
        if count + 1 < ROWS:
            self._rows[count + 1] = topic, stamp
            self._rows[0, 0] = count + 1  # last: a kill between the two leaves a row that does not count

    def stamps(self, topics: Sequence[str]) -> dict[str, Int64[np.ndarray, " t"]]:
        """Stamps by topic, in the order of reception."""
        rows = np.array(self._rows[1 : 1 + int(self._rows[0, 0])])
        return {topic: rows[rows[:, 0] == number, 1] for number, topic in enumerate(topics)}
