"""When to send the gripper a goal."""

from __future__ import annotations

import math

from f2o_nodekit.stamps import NS_PER_S

STROKE_SLACK_M = 0.003  # what a measured width may lie beyond the stroke


class GripperGoal:
    """Turns a stream of requested widths into the few goals a gripper can take.

    A real gripper needs 0.3 to 1 s for a goal, so one is sent only when it differs from the last by more than
    ``hysteresis_m``, not more often than every ``min_interval_s``, and always the newest request. Fully open and fully
    closed are always reached, hysteresis or not. Nothing is sent that nobody asked for: no goal before a width was
    measured, and none while the request is what was measured.
    """

    def __init__(
        self, min_width: float, max_width: float, hysteresis_m: float, min_interval_s: float, topic: str = ""
    ) -> None:
        self._range, self._topic = (min_width, max_width), topic
        self._hysteresis = hysteresis_m
        self._interval_ns = round(min_interval_s * NS_PER_S)
        self._sent: float | None = None
        self._sent_mono_ns = 0
        self._before: tuple[float | None, int] = (None, 0)  # before the last width that was due
        self._measured: float | None = None
        self.width = math.nan
        """The newest request, inside the range [m]; NaN before the first and before a width was measured."""

    def measured(self, width: float) -> None:
        """Take a measured width, as the request before the first goal, too."""
        if not math.isfinite(width):
            return
        self._measured = width
        if self._sent is None:
            self.width = self._clamp(width)

    def unfit(self) -> str:
        """Why its measured width is no width of this gripper, or ''."""
        low, high = self._range
        width = self._measured
        if width is None or low - STROKE_SLACK_M <= width <= high + STROKE_SLACK_M:
            return ""
        size = f"{width * 1e3:.1f} mm, expected {low * 1e3:g} to {high * 1e3:g} mm"
        return f"the gripper's width on {self._topic} is {size}"

    def request(self, width: float) -> None:
        """Ask for ``width`` [m]."""
        if math.isfinite(width):
            self.width = self._clamp(width)

    def due(self, mono_ns: int) -> float | None:
        """The width to send now, or None."""
        if (
            self._measured is None
            or not self._differs()
            or (self._sent is not None and mono_ns - self._sent_mono_ns < self._interval_ns)
        ):
            return None
        self._before = self._sent, self._sent_mono_ns
        self._sent, self._sent_mono_ns = self.width, mono_ns
        return self.width

    def take_back(self) -> None:
        """The width that was due last was not sent: it is due again."""
        self._sent, self._sent_mono_ns = self._before

    def _clamp(self, width: float) -> float:
        low, high = self._range
        return min(max(width, low), high)

    def _differs(self) -> bool:
        if self._sent is None:
            return abs(self.width - (self._measured or 0.0)) > self._hysteresis
        at_an_end = self.width in self._range
        return abs(self.width - self._sent) > (0.0 if at_an_end else self._hysteresis)
