"""How regularly messages arrived: gaps and skew, for the recorder's report and for ``f2o bag check``."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Int64

from f2o_bags.definitions import MessageDefinition
from f2o_bags.stamps import has_header, stamp_of

IMAGE = "sensor_msgs/msg/Image"
COLOUR = "color"  # in the topic of a view's colour images, not in that of its depth


@dataclass(frozen=True)
class Gap:
    """The longest silence on a topic."""

    topic: str
    seconds: float
    at_s: float  # its beginning, after the start of the episode
    periods: float  # its length in expected periods


@dataclass(frozen=True)
class Skew:
    """How far the frames of two views are apart in time."""

    views: tuple[str, str]  # topics; the first is the reference
    worst_s: float  # distance from a frame of the first to the nearest of the second
    unmatched: float  # share of the first's frames with none of the second within 0.6 periods


class TopicTimes:
    """Times of one topic's messages, 16 bytes each."""

    def __init__(self, definition: MessageDefinition) -> None:
        self._stamped = has_header(definition)
        self._log, self._stamps = array("q"), array("q")

    def add(self, data: bytes, log_ros_ns: int) -> None:
        """Take in one message."""
        self._log.append(log_ros_ns)
        stamp = stamp_of(data) if self._stamped else None
        if stamp is not None:
            self._stamps.append(stamp)

    def __len__(self) -> int:
        """Number of messages."""
        return len(self._log)

    @property
    def log_ros_ns(self) -> Int64[np.ndarray, " t"]:
        """Times of reception."""
        return np.array(self._log, np.int64)

    @property
    def stamps_ros_ns(self) -> Int64[np.ndarray, " s"]:
        """Stamps of the headers; empty where the type has none."""
        return np.array(self._stamps, np.int64)


def span_of(topics: Mapping[str, TopicTimes]) -> tuple[int, int]:
    """First and last reception on all topics; (0, 0) without any."""
    ends = [t for times in topics.values() if len(times) for t in times.log_ros_ns[[0, -1]]]
    return (int(min(ends)), int(max(ends))) if ends else (0, 0)


def longest_gaps(topics: Mapping[str, TopicTimes], hz: Mapping[str, float]) -> list[Gap]:
    """The longest silence of each topic with an expected rate, between the first and the last moment of the episode.

    A camera that dies in it leaves a gap too.
    """
    span = span_of(topics)
    return [
        _longest_gap(t, topics[t].log_ros_ns, span, rate)
        for t, rate in hz.items()
        if rate > 0 and t in topics
    ]


def worst_gap(gaps: list[Gap]) -> Gap | None:
    """The gap that is longest in its topic's own periods."""
    return max((gap for gap in gaps if gap.seconds > 0), key=lambda gap: gap.periods, default=None)


def _longest_gap(topic: str, log_ros_ns: Int64[np.ndarray, " t"], span: tuple[int, int], hz: float) -> Gap:
    times = np.concatenate([[span[0]], np.sort(log_ros_ns), [span[1]]])
    silences = np.diff(times)
    worst = int(silences.argmax())
    seconds = silences[worst] / NS_PER_S
    return Gap(topic, float(seconds), float((times[worst] - span[0]) / NS_PER_S), float(seconds * hz))


def worst_skew(topics: Mapping[str, TopicTimes], types: Mapping[str, str]) -> Skew | None:
    """The skew of the view whose colour frames are farthest from those of the first view, by their stamps."""
    views = [
        t for t, kind in types.items() if kind == IMAGE and COLOUR in t and len(topics[t].stamps_ros_ns) > 1
    ]
    skews = [_skew(views[0], other, topics) for other in views[1:]]
    return max(skews, key=lambda skew: skew.worst_s, default=None)


def _skew(first: str, second: str, topics: Mapping[str, TopicTimes]) -> Skew:
    reference, others = np.sort(topics[first].stamps_ros_ns), np.sort(topics[second].stamps_ros_ns)
    # Only where both were recorded: a recording does not start and end with all views at once.
    inside = reference[(reference >= others[0]) & (reference <= others[-1])]
    if not len(inside):
        return Skew((first, second), float(abs(reference[0] - others[0]) / NS_PER_S), 1.0)
    after = np.clip(np.searchsorted(others, inside), 1, len(others) - 1)
    nearest = np.minimum(np.abs(others[after] - inside), np.abs(inside - others[after - 1]))
    period = float(np.median(np.diff(others)))
    return Skew((first, second), float(nearest.max() / NS_PER_S), float((nearest > 0.6 * period).mean()))
