"""History buffers: embeddings and joint states of earlier instants, for a policy with history.

The rule is that of the training windows (data/history.py): for each earlier instant the nearest observation and the
interpolated joint state; before the first one, the first.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from jaxtyping import Float32, Float64

from f2o_policy.data.history import lookback_ns, nearest
from f2o_policy.data.windows import interpolate


class HistoryBuffer:
    """Rows with stamps, kept as long as an instant of the history needs them. For one thread."""

    def __init__(self, count: int, dt_s: float) -> None:
        self._lookback = lookback_ns(count, dt_s)
        self._rows: deque[tuple[int, np.ndarray]] = deque()

    def push(self, stamp_ros_ns: int, row: np.ndarray) -> None:
        """Append a row. One with the last stamp is ignored; an older one (the clock was set back) clears the buffer."""
        if self._rows and stamp_ros_ns == self._rows[-1][0]:
            return  # a tick without a newer joint state
        if self._rows and stamp_ros_ns < self._rows[-1][0]:
            self._rows.clear()
        self._rows.append((stamp_ros_ns, row))
        # One row older than the oldest instant is kept, because it may be the nearest.
        while len(self._rows) > 2 and self._rows[1][0] < stamp_ros_ns - self._lookback[0]:
            self._rows.popleft()

    def nearest(self) -> Float32[np.ndarray, " E"]:
        """The rows nearest to the instants of the history, concatenated, the oldest first."""
        if len(self._lookback) == 1:
            return self._rows[-1][1]
        stamps = np.array([stamp for stamp, _ in self._rows], np.int64)
        found = nearest(stamps, stamps[-1] - self._lookback)
        return np.concatenate([self._rows[i][1] for i in found])

    def interpolated(self) -> Float64[np.ndarray, " P"]:
        """As ``nearest``, interpolated in time."""
        if len(self._lookback) == 1:
            return self._rows[-1][1]
        stamps = np.array([stamp for stamp, _ in self._rows], np.int64)
        values = np.stack([row for _, row in self._rows])
        return interpolate(stamps, values, stamps[-1] - self._lookback).flatten()
