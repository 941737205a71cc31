"""ROS time and monotonic time: what lies between them."""

from __future__ import annotations

import time
from collections.abc import Callable


class ClockOffset:
    """ROS time minus monotonic time, as constant as the two clocks are.

    Two clocks are read one after the other, so what a reading says is uncertain by the time that passes meanwhile:
    microseconds, and wherever the thread loses its core, much more. Stamps made from single readings jitter by that,
    and a motion that is stamped so jerks. Linux slews CLOCK_REALTIME and CLOCK_MONOTONIC alike; their difference
    changes only where the former is set. So the estimate stays as long as readings allow it, and is moved into the
    bounds of one that does not: a clock that is set, or simulated, is followed at once.

    Args:
        ros_clock: ROS time [ns].
        monotonic: monotonic time [ns].
    """

    def __init__(
        self, ros_clock: Callable[[], int], monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._ros_clock, self._monotonic = ros_clock, monotonic
        self._offset_ns: int | None = None

    def read(self) -> int:
        """The offset [ns], after one more reading of both clocks."""
        before = self._monotonic()
        ros = self._ros_clock()
        low, high = ros - self._monotonic(), ros - before
        estimate = (low + high) // 2 if self._offset_ns is None else self._offset_ns
        self._offset_ns = min(max(estimate, low), high)
        return self._offset_ns
