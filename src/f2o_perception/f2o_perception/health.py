"""Status of each stream: rate, age, lag, drops and problems. The only part of perception that reads a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.stats import RateMeter

OK, WARN, ERROR = 0, 1, 2  # as in diagnostic_msgs
Value = float | int | str
ERROR_SHOWN_NS = 5_000_000_000  # how long a malformed message stays in the status


@dataclass(frozen=True)
class StreamStatus:
    """One camera, the joints, or the gripper as the status shows it."""

    problem: str  # empty: none
    hz: float  # arrivals
    age_s: float  # since the last arrival; infinite before the first
    lag_ms: float  # joint stamp minus image stamp when the last frame arrived
    resolution: str  # e.g. 240x180; empty before the first and for the robot's streams
    resolution_changes: int
    drops: Mapping[str, int]  # by reason

    def values(self) -> dict[str, Value]:
        """The status as keys and values for a diagnosis of this stream."""
        names = ("hz", "age_s", "lag_ms", "resolution", "resolution_changes")
        drops = {f"drops_{reason}": count for reason, count in self.drops.items()}
        return {name: getattr(self, name) for name in names} | drops


@dataclass(frozen=True)
class PipelineStatus:
    """Status of the pipeline since its construction."""

    problems: tuple[str, ...]  # empty: all is well; each names its camera or stream
    blocked: bool  # a stream is missing, so that no observation can be made
    streams: Mapping[str, StreamStatus]  # the views, then joints and gripper
    observations: int
    observation_hz: float
    clock_resets: int
    skew_ms: Mapping[str, float]  # p50, p99, max, count
    build_ms: Mapping[str, float]

    @property
    def level(self) -> int:
        """``ERROR`` while no observation can be made, ``WARN`` with a problem, else ``OK``."""
        return ERROR if self.blocked else WARN if self.problems else OK

    def values(self) -> dict[str, Value]:
        """The status as flat keys and values for a diagnosis."""
        names = ("observation_hz", "observations", "clock_resets")
        values: dict[str, Value] = {name: getattr(self, name) for name in names}
        for name in ("skew_ms", "build_ms"):
            values |= {f"{name}_{key}": getattr(self, name)[key] for key in ("p50", "p99", "max")}
        for name, stream in self.streams.items():
            values[f"{name}_hz"] = stream.hz
            values |= {f"drops_{name}_{reason}": count for reason, count in stream.drops.items()}
        return values


class StreamHealth:
    """Arrivals, lag and resolution of one stream. Times of arrival are monotonic ns."""

    def __init__(self, name: str, what: str, stopped_after_s: float) -> None:
        self._name, self._what = name, what
        self._stopped_after_ns = round(stopped_after_s * NS_PER_S)
        self._rate = RateMeter(60)
        self._last_mono_ns: int | None = None
        self._lag_ns = 0
        self._resolution: tuple[int, int] | None = None
        self._changes = 0
        self._error, self._error_mono_ns = "", 0

    def arrived(self, mono_ns: int, lag_ns: int = 0, resolution: tuple[int, int] | None = None) -> None:
        """Note one message; ``lag_ns`` is how far its stamp is behind the newest joint state's."""
        self._rate.tick(mono_ns)
        self._last_mono_ns, self._lag_ns = mono_ns, lag_ns
        self._changes += self._resolution not in (None, resolution)
        self._resolution = resolution

    def failed(self, mono_ns: int, sentence: str) -> None:
        """Note a message that cannot be used."""
        self._error, self._error_mono_ns = sentence, mono_ns

    def stopped(self, now_mono_ns: int) -> bool:
        """Whether nothing has come for too long, or ever."""
        return self._last_mono_ns is None or now_mono_ns - self._last_mono_ns > self._stopped_after_ns

    def status(self, now_mono_ns: int, drops: Mapping[str, int]) -> StreamStatus:
        """The stream's state at ``now_mono_ns``."""
        age = float("inf") if self._last_mono_ns is None else (now_mono_ns - self._last_mono_ns) / NS_PER_S
        return StreamStatus(
            problem=self._problem(now_mono_ns, age),
            hz=self._rate.hz(now_mono_ns),
            age_s=age,
            lag_ms=self._lag_ns * 1e-6,
            resolution="{}x{}".format(*self._resolution) if self._resolution else "",
            resolution_changes=self._changes,
            drops=drops,
        )

    def _problem(self, now_mono_ns: int, age_s: float) -> str:
        if self._error and now_mono_ns - self._error_mono_ns < ERROR_SHOWN_NS:
            return f"{self._name}: {self._error}"
        if self._last_mono_ns is None:
            return f"{self._name}: no {self._what} yet"
        if self.stopped(now_mono_ns):
            return f"{self._name}: stopped, no {self._what} for {age_s:.1f} s"
        if abs(self._lag_ns) > self._stopped_after_ns:
            side = "behind" if self._lag_ns > 0 else "ahead of"
            return f"{self._name}: stamps {abs(self._lag_ns) / NS_PER_S:.2f} s {side} the joint states"
        return ""
