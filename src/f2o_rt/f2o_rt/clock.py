"""Two clocks that must be brought together without jumps: the bridge's with ours, ours with the arm's cycles."""

from __future__ import annotations

from collections import deque


class Offset:
    """How far our monotonic clock is ahead of a sender's, plus the shortest way between the two.

    The smallest of the last differences between arrival and sending: queues only ever add to it
    (NTP's clock filter, RFC 5905 section 10).
    """

    def __init__(self, window: int = 250) -> None:
        self._differences: deque[int] = deque(maxlen=window)

    def add(self, sent_ns: int, received_ns: int) -> int:
        """Take one pair; how much longer than the quickest of the window it took [ns]."""
        difference = received_ns - sent_ns
        self._differences.append(difference)
        return difference - min(self._differences)

    @property
    def ns(self) -> int:
        """Our clock minus the sender's, at least the shortest way too large."""
        return min(self._differences)


class CycleClock:
    """Time as the arm sees it: one period a cycle, drawn gently towards the monotonic clock.

    Waking late by 0.1 ms must not make a set-point that is 0.1 ms farther on: the arm reads it in its own next cycle,
    and would see 0.1 ms of jitter as 10 % of velocity, gained and lost within a millisecond.
    """

    GAIN = 0.002  # of the error, a cycle: half a second to half of it
    SLEW = 0.005  # of a period, at most: a plan played so much faster stays inside the margin that plans keep
    EASE = 1e-5  # by which that may change in a cycle: 20 rad/s3 at 2 rad/s

    def __init__(self, period_ns: int) -> None:
        self._period_ns, self._slew = period_ns, 0.0
        self.ns: int | None = None

    def step(self, mono_ns: int, missed: int) -> int:
        """The time of this cycle; ``missed`` cycles passed unserved before it."""
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
