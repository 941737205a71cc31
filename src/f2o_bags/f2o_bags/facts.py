"""What one reading of a bag shows: arrivals, still pictures, expected rates, motion. ``check`` judges it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Int64

from f2o_bags.labels import EXPECTED_HZ
from f2o_bags.motion import Motion, positions_of
from f2o_bags.quality import IMAGE, Track, span_of
from f2o_bags.read import Bag
from f2o_bags.topics import JOINT_COMMAND, JOINT_STATES

JOINTS = ("sensor_msgs/msg/JointState", "f2o_msgs/msg/JointTarget")
_PIXELS_FROM = 12  # behind encapsulation and stamp; the rest of an Image is equal where the picture is


@dataclass(frozen=True)
class Facts:
    """One pass over a bag: times of every topic, and of each image topic the runs of equal pictures."""

    bag: Bag
    tracks: dict[str, Track]
    still: dict[str, list[tuple[int, int]]]  # image topic -> (first, last) reception of each run
    hz: dict[str, float]
    motion: Motion | None

    @property
    def span(self) -> tuple[int, int]:
        """First and last reception."""
        return span_of(self.tracks)


def gather(bag: Bag) -> Facts:
    """Read a bag once.

    Raises:
        BagError: a finished file is damaged.
    """
    tracks = {topic: Track(info.definition) for topic, info in bag.topics.items()}
    images = {topic for topic, info in bag.topics.items() if info.definition.name == IMAGE}
    still: dict[str, list[tuple[int, int]]] = {topic: [] for topic in images}
    seen: dict[str, int] = {}
    for message in bag.messages():
        tracks[message.topic].add(message.data, message.log_ros_ns)
        if message.topic in images:
            picture = zlib.crc32(memoryview(message.data)[_PIXELS_FROM:])
            runs = still[message.topic]
            same = seen.get(message.topic) == picture
            begin = runs.pop()[0] if same else message.log_ros_ns
            runs.append((begin, message.log_ros_ns))
            seen[message.topic] = picture
    return Facts(bag, tracks, still, _expected(bag, tracks), _motion(bag))


def _motion(bag: Bag) -> Motion | None:
    commands = positions_of(bag, JOINT_COMMAND)
    return commands if commands is not None else positions_of(bag, JOINT_STATES)


def _expected(bag: Bag, tracks: Mapping[str, Track]) -> dict[str, float]:
    """Rates that the recorder expected; in a bag of another recorder, what images and joint states mostly had."""
    try:
        told = {str(k): float(v) for k, v in json.loads(bag.labels.get(EXPECTED_HZ, "{}")).items()}
    except (ValueError, TypeError, AttributeError):
        told = {}
    if told:
        return {topic: hz for topic, hz in told.items() if hz > 0}
    periodic = [t for t, info in bag.topics.items() if info.definition.name in (IMAGE, *JOINTS)]
    return {t: _usual_hz(tracks[t].log_ros_ns) for t in periodic}


def _usual_hz(log_ros_ns: Int64[np.ndarray, " t"]) -> float:
    return NS_PER_S / max(float(np.median(np.diff(log_ros_ns))), 1.0) if len(log_ros_ns) > 2 else 0.0
