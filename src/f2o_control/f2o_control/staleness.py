"""Staleness of inputs.

Ages are measured on the monotonic clock, which cannot be set; stamps only tell which of two messages is newer.
"""

from __future__ import annotations

from f2o_nodekit.stamps import NS_PER_S

from f2o_control.target import Target

CLOCK_STEP_NS = NS_PER_S  # a stamp further back means that the clock was set, not that the message is old


class Watchdog:
    """Expires ``limit_s`` after the last message, or ``first_s`` after the start before the first.

    All times are given by the caller, in nanoseconds of the monotonic clock.
    """

    def __init__(self, limit_s: float, first_s: float | None = None) -> None:
        self._limit_ns = round(limit_s * NS_PER_S)
        self._first_ns = self._limit_ns if first_s is None else round(first_s * NS_PER_S)
        self._last_ns: int | None = None
        self.seen = False

    def start(self, mono_ns: int) -> None:
        """Wait for the first message."""
        self._last_ns, self.seen = mono_ns, False

    def feed(self, mono_ns: int) -> None:
        """Note a message received at ``mono_ns``."""
        self._last_ns, self.seen = mono_ns, True

    def age_s(self, mono_ns: int) -> float:
        """Seconds since the last message, or since the start; infinite before either."""
        return float("inf") if self._last_ns is None else (mono_ns - self._last_ns) / NS_PER_S

    @property
    def limit_s(self) -> float:
        """The timeout that applies [s]."""
        return (self._limit_ns if self.seen else self._first_ns) / NS_PER_S

    def expired(self, mono_ns: int) -> bool:
        """Whether the timeout has passed."""
        return self.age_s(mono_ns) > self.limit_s


class StampOrder:
    """Tells which stamps are newer than all before; restarts when the clock is set back."""

    def __init__(self) -> None:
        self._newest_ns: int | None = None

    def is_news(self, stamp_ns: int) -> bool:
        """Whether ``stamp_ns`` is newer than all before; notes it if so."""
        newest = self._newest_ns
        if newest is not None and newest - CLOCK_STEP_NS < stamp_ns <= newest:
            return False
        self._newest_ns = stamp_ns
        return True


class ObservationStaleness:
    """Watches the observations behind a policy's targets.

    A target's observation is fresh if it is newer than all before (a frozen camera repeats its last stamp) and at most
    ``limit_s`` older than the target's due time. Watched from the first target on that names an observation.
    """

    def __init__(self, topic: str, limit_s: float) -> None:
        self._topic, self._limit_ns = topic, limit_s * NS_PER_S
        self._watch, self._order = Watchdog(limit_s), StampOrder()
        self._watching = False

    def offer(self, target: Target) -> None:
        """Note the observation behind ``target``, if it names one."""
        if not target.observation_ros_ns:
            return
        fresh = target.due_ros_ns - target.observation_ros_ns <= self._limit_ns
        if self._order.is_news(target.observation_ros_ns) and fresh:
            self._watch.feed(target.received_mono_ns)
        elif not self._watching:
            self._watch.start(target.received_mono_ns)
        self._watching = True

    def restart(self, mono_ns: int) -> None:
        """Wait for a fresh observation from now on."""
        if self._watching:
            self._watch.start(mono_ns)

    def problem(self, mono_ns: int) -> str:
        """Why the observations are stale, or ''."""
        if not self._watching or not self._watch.expired(mono_ns):
            return ""
        return (
            f"no new observation behind the targets on {self._topic} for {self._watch.age_s(mono_ns):.3f} s"
        )
