"""Running statistics cheap enough for a 125 Hz loop."""

from __future__ import annotations

from collections import deque

import numpy as np

from f2o_nodekit.stamps import NS_PER_S


class Samples:
    """The last ``window`` samples of a quantity, summarised as percentiles."""

    def __init__(self, window: int = 1000) -> None:
        self._values = np.zeros(window)
        self.count = 0

    def add(self, value: float) -> None:
        """Append one sample; the oldest is dropped once the window is full."""
        self._values[self.count % len(self._values)] = value
        self.count += 1

    def values(self) -> np.ndarray:
        """The samples in the window, shape (n,), in no particular order."""
        return self._values[: min(self.count, len(self._values))]

    def summary(self) -> dict[str, float]:
        """``p50``, ``p99`` and ``max`` of the window and the ``count`` of all samples; NaN where there is none."""
        if self.count == 0:
            return {"p50": float("nan"), "p99": float("nan"), "max": float("nan"), "count": 0}
        p50, p99 = np.percentile(self.values(), [50, 99])
        return {"p50": float(p50), "p99": float(p99), "max": float(self.values().max()), "count": self.count}


class RateMeter:
    """The mean rate of an event over its last ``window`` occurrences."""

    def __init__(self, window: int = 60) -> None:
        self._stamps: deque[int] = deque(maxlen=window)

    def tick(self, mono_ns: int) -> None:
        """Record one occurrence at monotonic time ``mono_ns``."""
        self._stamps.append(mono_ns)

    def hz(self, now_mono_ns: int | None = None) -> float:
        """Occurrences per second; with ``now_mono_ns`` the rate of an event that has stopped decays towards 0."""
        if len(self._stamps) < 2:
            return 0.0
        span = self._stamps[-1] - self._stamps[0]
        if now_mono_ns is not None and (now_mono_ns - self._stamps[-1]) * (len(self._stamps) - 1) > 2 * span:
            span = now_mono_ns - self._stamps[0]
        return (len(self._stamps) - 1) * NS_PER_S / max(span, 1)
