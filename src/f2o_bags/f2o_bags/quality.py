"""How regularly messages came: rates, gaps and skew, for the recorder's report and for ``f2o bag check``."""

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
COLOUR = "color"  # what tells the picture of a view from its depth


@dataclass(frozen=True)
class Gap:
    """The longest silence on a topic."""

    topic: str
    seconds: float
    at_s: float  # when it began, after the start of the episode
    periods: float  # its length in expected periods


@dataclass(frozen=True)
class Skew:
    """How far the frames of two views lie apart."""

    views: tuple[str, str]  # topics; the first is the reference
    worst_s: float  # distance from a frame of the first to the nearest of the second
    unmatched: float  # share of the first's frames with none of the second within 0.6 periods


class Track:
    """Times of one topic's messages, 16 bytes each."""

    def __init__(self, definition: MessageDefinition) -> None:
        self._stamped = has_header(definition)
        self._log, self._stamps = array("q"), array("q")

    def add(self, data: bytes, log_ros_ns: int) -> None:
        """One message."""
        self._log.append(log_ros_ns)
        stamp = stamp_of(data) if self._stamped else None
        if stamp is not None:
            self._stamps.append(stamp)

    @property
    def log_ros_ns(self) -> Int64[np.ndarray, " t"]:
        """Times of reception."""
        return np.array(self._log, np.int64)

    @property
    def stamps_ros_ns(self) -> Int64[np.ndarray, " s"]:
        """Stamps of the headers; empty where the type has none."""
        return np.array(self._stamps, np.int64)


def span_of(tracks: Mapping[str, Track]) -> tuple[int, int]:
    """First and last reception of all; (0, 0) when there is none."""
    ends = [t for track in tracks.values() if len(track.log_ros_ns) for t in track.log_ros_ns[[0, -1]]]
    return (int(min(ends)), int(max(ends))) if ends else (0, 0)


def longest_gap(topic: str, log_ros_ns: Int64[np.ndarray, " t"], span: tuple[int, int], hz: float) -> Gap:
    """The longest silence of a topic that should come ``hz`` times a second, from the first to the last moment of
    the episode: a camera that dies in it leaves a gap too.
    """
    times = np.concatenate([[span[0]], np.sort(log_ros_ns), [span[1]]])
    silences = np.diff(times)
    worst = int(silences.argmax())
    seconds = silences[worst] / NS_PER_S
    return Gap(topic, float(seconds), float((times[worst] - span[0]) / NS_PER_S), float(seconds * hz))


def worst_gap(tracks: Mapping[str, Track], hz: Mapping[str, float]) -> Gap | None:
    """The gap that is longest in its topic's own periods, among the topics that have an expected rate."""
    span = span_of(tracks)
    gaps = [
        longest_gap(t, tracks[t].log_ros_ns, span, rate) for t, rate in hz.items() if rate > 0 and t in tracks
    ]
    return max(gaps, key=lambda gap: gap.periods, default=None) if span[1] > span[0] else None


def worst_skew(tracks: Mapping[str, Track], types: Mapping[str, str]) -> Skew | None:
    """The view that lies farthest from the first view's colour frames, by their stamps."""
    views = [
        t for t, kind in types.items() if kind == IMAGE and COLOUR in t and len(tracks[t].stamps_ros_ns) > 1
    ]
    skews = [_skew(views[0], other, tracks) for other in views[1:]]
    return max(skews, key=lambda skew: skew.worst_s, default=None)


def _skew(first: str, second: str, tracks: Mapping[str, Track]) -> Skew:
    reference, others = np.sort(tracks[first].stamps_ros_ns), np.sort(tracks[second].stamps_ros_ns)
    inside = reference[
        (reference >= others[0]) & (reference <= others[-1])
    ]  # the ends are the recorder's cut
    if not len(inside):
        return Skew((first, second), float(abs(reference[0] - others[0]) / NS_PER_S), 1.0)
    after = np.clip(np.searchsorted(others, inside), 1, len(others) - 1)
    nearest = np.minimum(np.abs(others[after] - inside), np.abs(inside - others[after - 1]))
    period = float(np.median(np.diff(others)))
    return Skew((first, second), float(nearest.max() / NS_PER_S), float((nearest > 0.6 * period).mean()))
