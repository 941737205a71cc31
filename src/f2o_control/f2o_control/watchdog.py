"""How long ago something last came, on a clock that nobody can set."""

from __future__ import annotations

from f2o_nodekit.stamps import NS_PER_S


class Watchdog:
    """Expires when nothing came for ``limit_s``, or for ``first_s`` while nothing came since the start.

    All times are given by the caller, in nanoseconds of the monotonic clock.
    """

    def __init__(self, limit_s: float, first_s: float | None = None) -> None:
        self._limit_ns = round(limit_s * NS_PER_S)
        self._first_ns = self._limit_ns if first_s is None else round(first_s * NS_PER_S)
        self._last_ns: int | None = None
        self.seen = False

    def start(self, mono_ns: int) -> None:
        """Begin to wait for the first one."""
        self._last_ns, self.seen = mono_ns, False

    def feed(self, mono_ns: int) -> None:
        """One came at ``mono_ns``."""
        self._last_ns, self.seen = mono_ns, True

    def age_s(self, mono_ns: int) -> float:
        """Seconds since the last one, or since the start; infinite before either."""
        return float("inf") if self._last_ns is None else (mono_ns - self._last_ns) / NS_PER_S

    @property
    def limit_s(self) -> float:
        """The wait that is allowed now [s]."""
        return (self._limit_ns if self.seen else self._first_ns) / NS_PER_S

    def expired(self, mono_ns: int) -> bool:
        """True when it has been too long."""
        return self.age_s(mono_ns) > self.limit_s
