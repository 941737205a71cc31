"""When to send the gripper a goal."""

from __future__ import annotations

import math

from f2o_nodekit.stamps import NS_PER_S


class GripperGoal:
    """Turns a stream of requested widths into the few goals a gripper can take.

    A real gripper needs 0.3 to 1 s for a goal, so one is sent only when it differs from the last by more than
    ``hysteresis_m``, not more often than every ``min_interval_s``, and always the newest request. Fully open and fully
    closed are always reached, hysteresis or not.
    """

    def __init__(
        self, min_width: float, max_width: float, hysteresis_m: float, min_interval_s: float
    ) -> None:
        self._range = (min_width, max_width)
        self._hysteresis = hysteresis_m
        self._interval_ns = round(min_interval_s * NS_PER_S)
        self._sent: float | None = None
        self._sent_mono_ns = 0
        self.width = max_width
        """The newest request, inside the range [m]."""

    def measured(self, width: float) -> None:
        """Take a measured width as the request before the first goal."""
        if self._sent is None and math.isfinite(width):
            self.width = self._clamp(width)

    def request(self, width: float) -> None:
        """Ask for ``width`` [m]."""
        if math.isfinite(width):
            self.width = self._clamp(width)

    def due(self, mono_ns: int) -> float | None:
        """The width to send now, or None."""
        if not self._differs() or (
            self._sent is not None and mono_ns - self._sent_mono_ns < self._interval_ns
        ):
            return None
        self._sent, self._sent_mono_ns = self.width, mono_ns
        return self.width

    def _clamp(self, width: float) -> float:
        low, high = self._range
        return min(max(width, low), high)

    def _differs(self) -> bool:
        if self._sent is None:
            return True
        at_an_end = self.width in self._range
        return abs(self.width - self._sent) > (0.0 if at_an_end else self._hysteresis)
