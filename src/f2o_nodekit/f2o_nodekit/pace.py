"""A fixed-rate loop on the monotonic clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from f2o_nodekit.stamps import NS_PER_S


@dataclass(frozen=True)
class Tick:
    """One iteration of a paced loop."""

    index: int  # deadlines since the start, skipped ones included
    ideal_mono_ns: int  # when the iteration was due (monotonic clock)
    late_ns: int  # how much later it began
    skipped: int  # deadlines missed since the iteration before


class Pace:
    """Absolute deadlines every ``period_s`` seconds.

    The reference never moves, so the mean rate does not drift. Deadlines that an overrun misses are skipped and
    counted in ``Tick.skipped``; the loop never catches up in a burst.

    Args:
        period_s: time between two deadlines.
        clock: monotonic time [ns].
        sleep: waits so many seconds.
        phase_s: deadlines lie this far behind the multiples of the period on the clock, so that loops of several
            processes of one machine keep their distance. None: they count from the first call, which returns at once.
    """

    def __init__(
        self,
        period_s: float,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
        phase_s: float | None = None,
    ) -> None:
        self.period_ns = round(period_s * NS_PER_S)
        self._phase_ns = None if phase_s is None else round(phase_s * NS_PER_S)
        self._clock, self._sleep = clock, sleep
        self._start_ns: int | None = None
        self._index = 0

    def wait(self) -> Tick:
        """Sleep until the next deadline and return it; the first call sets the reference."""
        now = self._clock()
        if self._start_ns is None:
            if self._phase_ns is None:
                self._start_ns = now
                return Tick(0, now, 0, 0)
            self._start_ns = now - (now - self._phase_ns) % self.period_ns  # the deadline before the first
        due = max(self._index + 1, -(-(now - self._start_ns) // self.period_ns))
        skipped = due - self._index - 1
        self._index = due
        ideal = self._start_ns + due * self.period_ns
        while (left := ideal - self._clock()) > 0:
            self._sleep(left / NS_PER_S)
        return Tick(due, ideal, self._clock() - ideal, skipped)


def request_fifo(priority: int = 50) -> bool:
    """Ask for SCHED_FIFO for the calling thread; False where the system does not grant it (that is no error)."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError):
        return False
    return True
