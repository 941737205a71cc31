"""Status of each stream and of what comes out: rates, ages, offsets, drops and problems.

With the pipeline's durations the only part of perception that reads a clock. 'ok' is said of Observations, not of
arrivals: streams that all come and cannot be joined are an error that names its cause and size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.stats import RateMeter, Samples

from f2o_perception.sentences import ahead, offset, side, span
from f2o_perception.sync import Miss

OK, WARN, ERROR = 0, 1, 2  # as in diagnostic_msgs
Value = float | int | str
ERROR_SHOWN_NS = 5_000_000_000  # how long a malformed message stays in the status
MANY_NS = 5_000_000  # between the offsets of two streams; worth a word
RECENT = 30  # messages whose median offset counts: one that was held up does not
FEW = 30  # references before a share of them is judged
UNSTAMPED = "messages come, their stamps are 0: the driver does not stamp them"
MISSED = (
    0.2  # share of references without an Observation that is a problem; f2o bag check has the same for rates
)


@dataclass(frozen=True)
class StreamStatus:
    """One camera, the joints, or the gripper as the status shows it."""

    problem: str  # empty: none
    blocked: bool  # nothing of it can be used: it does not come, or its stamps do not advance
    hz: float  # arrivals
    age_s: float  # since the last arrival; infinite before the first
    offset_ms: float  # median of stamp minus arrival; NaN where the arrival is not known
    resolution: str  # e.g. 240x180; empty before the first and for the robot's streams
    resolution_changes: int
    drops: Mapping[str, int]  # by reason

    def values(self) -> dict[str, Value]:
        """The status as keys and values for a diagnosis of this stream."""
        names = ("hz", "age_s", "offset_ms", "resolution", "resolution_changes")
        drops = {f"drops_{reason}": count for reason, count in self.drops.items()}
        return {name: getattr(self, name) for name in names} | drops

    @property
    def level(self) -> int:
        """``ERROR`` while nothing of the stream can be used, ``WARN`` with a problem, else ``OK``."""
        return ERROR if self.blocked else WARN if self.problem else OK


@dataclass(frozen=True)
class PipelineStatus:
    """Status of the pipeline since its construction."""

    problems: tuple[str, ...]  # empty: all is well; each names its camera or stream
    blocked: bool  # no observation is made
    streams: Mapping[str, StreamStatus]  # the views, then joints and gripper
    observations: int
    observation_hz: float
    clock_resets: int
    skew_ms: Mapping[str, float]  # p50, p99, max, count
    build_ms: Mapping[str, float]

    @property
    def level(self) -> int:
        """``ERROR`` while no observation is made, ``WARN`` with a problem, else ``OK``."""
        return ERROR if self.blocked else WARN if self.problems else OK

    def values(self) -> dict[str, Value]:
        """The status as flat keys and values for a diagnosis."""
        names = ("observation_hz", "observations", "clock_resets")
        values: dict[str, Value] = {name: getattr(self, name) for name in names}
        for name in ("skew_ms", "build_ms"):
            values |= {f"{name}_{key}": getattr(self, name)[key] for key in ("p50", "p99", "max")}
        for name, stream in self.streams.items():
            values[f"{name}_hz"] = stream.hz
            values[f"{name}_offset_ms"] = stream.offset_ms
            values |= {f"drops_{name}_{reason}": count for reason, count in stream.drops.items()}
        return values


class StreamHealth:
    """Arrivals, offset and resolution of one stream. Times of arrival are monotonic ns.

    Args:
        name: of the view, ``joints`` or ``gripper``.
        what: one of its messages, in words.
        stopped_after_s: how long none may come.
        late_s: its stamps may be this much older than their arrival; half of what drops them.
        max_ahead_s: and this far ahead of it.
    """

    def __init__(
        self, name: str, what: str, stopped_after_s: float, late_s: float, max_ahead_s: float
    ) -> None:
        self._name, self._what = name, what
        self._stopped_after_ns = round(stopped_after_s * NS_PER_S)
        self._late_ns, self.max_ahead_ns = late_s * NS_PER_S, max_ahead_s * NS_PER_S
        self._rate, self._ahead = RateMeter(60), Samples(RECENT)
        self._last_mono_ns: int | None = None  # any message
        self._news_mono_ns: int | None = None  # one whose stamp is news
        self._begin_mono_ns = 0  # of the present run of news
        self._stamp_ros_ns = 0
        self._resolution: tuple[int, int] | None = None
        self._changes = 0
        self._error, self._error_mono_ns = "", 0
        self.explain: Callable[[], str] = lambda: (
            ""
        )  # why nothing came, by whoever puts its messages together

    def arrived(
        self,
        mono_ns: int,
        stamp_ros_ns: int,
        news: bool,
        ahead_ns: int | None = None,
        resolution: tuple[int, int] | None = None,
    ) -> None:
        """Note one readable message; ``news``: its stamp is newer than those before, ``ahead_ns``: see frames."""
        self._rate.tick(mono_ns)
        if news and self.stopped(mono_ns):
            self._begin_mono_ns = mono_ns
        self._last_mono_ns, self._stamp_ros_ns = mono_ns, stamp_ros_ns
        self._news_mono_ns = mono_ns if news else self._news_mono_ns
        if ahead_ns is not None:
            self._ahead.add(float(ahead_ns))
        self._changes += self._resolution not in (None, resolution)
        self._resolution = resolution

    def failed(self, mono_ns: int, sentence: str) -> None:
        """Note a message that cannot be used."""
        self._error, self._error_mono_ns = sentence, mono_ns

    def stopped(self, now_mono_ns: int) -> bool:
        """Whether nothing that can be used has come for too long, or ever."""
        return self._news_mono_ns is None or now_mono_ns - self._news_mono_ns > self._stopped_after_ns

    def running_s(self, now_mono_ns: int) -> float:
        """For how long it has come without a break; 0 where it has stopped."""
        return 0.0 if self.stopped(now_mono_ns) else (now_mono_ns - self._begin_mono_ns) / NS_PER_S

    @property
    def ahead_ns(self) -> float:
        """Median of stamp minus arrival; NaN where it is not known."""
        return float(np.median(self._ahead.values())) if self._ahead.count else float("nan")

    @property
    def astray(self) -> bool:
        """Whether its stamps lie too far from their arrivals."""
        return self.too_far_ahead or -self.ahead_ns > self._late_ns

    @property
    def too_far_ahead(self) -> bool:
        """Whether they lie so far ahead of them that another clock must have stamped them."""
        return self.ahead_ns > self.max_ahead_ns

    def status(self, now_mono_ns: int, drops: Mapping[str, int]) -> StreamStatus:
        """The stream's state at ``now_mono_ns``."""
        age = float("inf") if self._last_mono_ns is None else (now_mono_ns - self._last_mono_ns) / NS_PER_S
        return StreamStatus(
            problem=self._problem(now_mono_ns, age),
            blocked=self.stopped(now_mono_ns),
            hz=self._rate.hz(now_mono_ns),
            age_s=age,
            offset_ms=self.ahead_ns * 1e-6,
            resolution="{}x{}".format(*self._resolution) if self._resolution else "",
            resolution_changes=self._changes,
            drops=drops,
        )

    def _problem(self, now_mono_ns: int, age_s: float) -> str:
        if self._error and now_mono_ns - self._error_mono_ns < ERROR_SHOWN_NS:
            return f"{self._name}: {self._error}"
        if self.stopped(now_mono_ns):
            return f"{self._name}: {self._stopped(now_mono_ns, age_s)}"
        if not self.astray:
            return ""
        if not self._stamp_ros_ns:
            return f"{self._name}: {UNSTAMPED}"
        cause = "two clocks differ" if self.ahead_ns > 0 else "a slow link, or two clocks that differ"
        return f"{self._name}: stamps are {offset(self.ahead_ns)}: {cause}"

    def _stopped(self, now_mono_ns: int, age_s: float) -> str:
        """Why nothing that can be used has come for so long."""
        if self._last_mono_ns is not None and age_s * NS_PER_S <= self._stopped_after_ns:
            if not self._stamp_ros_ns:
                return UNSTAMPED
            since_ns = now_mono_ns - (self._news_mono_ns or now_mono_ns)
            return f"{self._what}s come, their stamps have not advanced for {since_ns / NS_PER_S:.1f} s"
        why = self.explain()
        why = f": {why}" if why else ""
        if self._last_mono_ns is None:
            return f"no {self._what} yet{why}"
        return f"stopped, no {self._what} for {age_s:.1f} s{why}"


def all_astray(streams: Mapping[str, StreamHealth]) -> str:
    """One sentence where the stamps of every stream lie far from their arrivals, as of a bag; else ''."""
    ahead = [stream.ahead_ns for stream in streams.values()]
    if not all(stream.astray for stream in streams.values()) or min(ahead) < 0 < max(ahead):
        return ""
    least = min(ahead, key=abs)
    remedy = (
        "set this PC's clock" if least > 0 else "a bag needs /clock and use_sim_time, else two clocks differ"
    )
    return f"stamps of every stream are {span(least)} or more {side(least)} their arrival: {remedy}"


def useless(
    outcomes: Sequence[Miss | None], silent_s: float, streams: Mapping[str, StreamHealth], jumps: str
) -> tuple[str, str]:
    """The stream for whose sake others that come make no Observations, or too few, and why; '' where they do.

    Args:
        outcomes: of the last references; None is a set.
        silent_s: how long every stream has come without an Observation; 0 while Observations come.
        streams: by name, for what is known of their clocks.
        jumps: the stream whose stamps have just gone back again and again, or ''.
    """
    misses = [miss for miss in outcomes if miss is not None]
    few = len(outcomes) >= FEW and len(misses) > MISSED * len(outcomes)
    if not silent_s and not few:
        return "", ""
    source, why = _cause(misses, streams, jumps)
    if silent_s:
        return source, f"no observation for {silent_s:.1f} s although every stream comes: {why}"
    return source, f"{len(misses)} of the last {len(outcomes)} frames gave no observation: {why}"


def _cause(misses: Sequence[Miss], streams: Mapping[str, StreamHealth], jumps: str) -> tuple[str, str]:
    """The stream to blame, and the sentence: what cannot be first, then what the newest reference lacked."""
    if jumps:
        return jumps, f"stamps of {jumps} go back again and again: two publishers or two clocks on its topic"
    fast = {name: stream for name, stream in streams.items() if stream.too_far_ahead}
    if fast and len(fast) < len(streams):
        worst = max(fast, key=lambda name: fast[name].ahead_ns)
        return worst, ahead(worst, fast[worst].ahead_ns, fast[worst].max_ahead_ns)
    if not misses:
        return "", "no frame has met its partners"
    miss = misses[-1]
    return miss.source, miss.text + _clocks(miss.source, streams)


def _clocks(source: str, streams: Mapping[str, StreamHealth]) -> str:
    """How the stamps of ``source`` and of the reference lie beside their arrivals, where that differs."""
    reference = next(iter(streams))
    mine, other = streams[source].ahead_ns, streams[reference].ahead_ns
    if source == reference or not abs(mine - other) > MANY_NS:
        return ""
    return f" (its stamps are {offset(mine)}, those of {reference} {span(other)} {side(other)} it)"
