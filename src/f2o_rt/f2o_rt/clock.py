"""Synchronises clocks without jumps: the bridge's with ours, ours with the arm's cycles."""

from __future__ import annotations

from collections import deque


class ClockOffset:
    """The offset of our monotonic clock to a sender's, plus the shortest transport time.

    It is the smallest of the last differences between arrival and sending: queues only ever add to it
    (NTP's clock filter, RFC 5905 section 10).
    """

    def __init__(self, window: int = 250) -> None:
        self._differences: deque[int] = deque(maxlen=window)

    def add(self, sent_ns: int, received_ns: int) -> int:
        """Add one pair; returns its delay over the fastest of the window [ns]."""
        difference = received_ns - sent_ns
        self._differences.append(difference)
        return difference - min(self._differences)

    @property
    def ns(self) -> int:
        """Our clock minus the sender's, too large by at least the shortest transport time [ns]."""
        return min(self._differences)


class CycleClock:
    """Time as the arm sees it: one period per cycle, slewed towards the monotonic clock.

    Waking 0.1 ms late must not move the set-point 0.1 ms along the path: the arm reads it in its own next cycle and
    would see 10 % of the velocity gained and lost within a millisecond.
    """

    GAIN = 0.002  # share of the error corrected per cycle: halves it in 0.35 s
    SLEW = 0.005  # largest correction, as a share of a period: plans keep a margin for it
    EASE = 1e-5  # largest change of the correction per cycle: 20 rad/s3 at 2 rad/s

    def __init__(self, period_ns: int) -> None:
        self._period_ns, self._slew = period_ns, 0.0
        self.ns: int | None = None

    def step(self, mono_ns: int, missed: int) -> int:
        """The time of this cycle [ns], after ``missed`` cycles without a call."""
        if self.ns is None:
            self.ns = mono_ns
            return self.ns
        ahead_ns = self.ns + (missed + 1) * self._period_ns
        wanted = _clip(self.GAIN * (mono_ns - ahead_ns) / self._period_ns, self.SLEW)
        self._slew += _clip(wanted - self._slew, self.EASE)
        self.ns = ahead_ns + round(self._slew * self._period_ns)
        return self.ns


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
