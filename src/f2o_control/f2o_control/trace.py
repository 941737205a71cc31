"""When each followed target came and when its command was sent, kept in memory and written once on exit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from f2o_control.target import Target

COLUMNS = ("target_ros_ns", "received_mono_ns", "sent_mono_ns")


class Trace:
    """One row a target that the bridge took up: its stamp, when it came, when its command was handed over.

    With the policy's trace (``f2o latency-report``) these are the last two stages from a camera to the arm. The two
    clocks agree because both processes run on one machine.
    """

    def __init__(self, rows: int = 1 << 16) -> None:
        self._rows = np.zeros((rows, len(COLUMNS)), np.int64)
        self.count = 0

    def add(self, target: Target, sent_mono_ns: int) -> None:
        """Append one target."""
        if self.count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self.count] = target.due_ros_ns, target.received_mono_ns, sent_mono_ns
        self.count += 1

    def save(self, path: str | Path) -> None:
        """Write every column to an .npz."""
        rows = self._rows[: self.count]
        np.savez_compressed(path, **{name: rows[:, i] for i, name in enumerate(COLUMNS)})
