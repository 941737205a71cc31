"""A trace of every cycle, kept in memory and written on exit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from f2o_control.limits import Joints


class Trace:
    """The newest ``length`` cycles; nothing is allocated after the start. ``length`` 0 keeps none."""

    def __init__(self, joints: int, length: int) -> None:
        self._length, self.count = length, 0
        self._columns = {
            "mono_ns": np.zeros(length, np.int64),
            "late_ns": np.zeros(length, np.int64),  # how late the cycle began
            "answer_ns": np.zeros(length, np.int64),  # from the begin of the cycle to its set-point
            "work_ns": np.zeros(length, np.int64),  # from the begin of the cycle to the end of its work
            "missed": np.zeros(length, np.int32),  # cycles before this one without a set-point
            "state": np.zeros(length, np.int8),  # datagrams.State
            "sequence": np.zeros(length, np.int64),  # of the newest accepted target
            "sent_ns": np.zeros(length, np.int64),  # of that target, bridge's clock
            "set_point": np.zeros((length, joints)),  # rad
            "measured": np.zeros((length, joints)),  # rad
        }
        for column in self._columns.values():
            column.fill(0)  # maps the pages before the loop starts

    def add(self, set_point: Joints, measured: Joints, **numbers: int) -> None:
        """Keep one cycle."""
        if not self._length:
            return
        row = self.count % self._length
        self.count += 1
        self._columns["set_point"][row], self._columns["measured"][row] = set_point, measured
        for key, number in numbers.items():
            self._columns[key][row] = number

    def write(self, path: str) -> None:
        """Write what was kept, oldest first."""
        kept, first = min(self.count, self._length), self.count % max(self._length, 1)
        order = np.arange(kept) if self.count <= self._length else np.roll(np.arange(kept), -first)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        columns: dict[str, Any] = {key: column[order] for key, column in self._columns.items()}
        np.savez_compressed(path, **columns)
