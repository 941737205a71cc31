"""Statistics of a bag, collected in one reading: arrivals, repeated images, expected rates, motion (see ``check``)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Int64

from f2o_bags.labels import EXPECTED_HZ
from f2o_bags.motion import Motion, arm_motion
from f2o_bags.quality import IMAGE, TopicTimes, span_of
from f2o_bags.read import Bag

PERIODIC_TYPES = (IMAGE, "sensor_msgs/msg/JointState", "f2o_msgs/msg/JointTarget")
_PIXELS_FROM = 12  # bytes of encapsulation and stamp; the rest of an Image repeats with the image


@dataclass(frozen=True)
class BagStatistics:
    """Arrivals, repeated images, expected rates and motion in one bag."""

    bag: Bag
    times: dict[str, TopicTimes]
    repeats: dict[
        str, list[tuple[int, int]]
    ]  # image topic -> (first, last) reception of each run of equal images
    hz: dict[str, float]  # expected
    motion: Motion | None
    span_ros_ns: tuple[int, int]  # first and last reception


def collect_statistics(bag: Bag) -> BagStatistics:
    """Read a bag once.

    Raises:
        BagError: a finished file is damaged, or a joint message cannot be decoded.
    """
    times = {topic: TopicTimes(info.definition) for topic, info in bag.topics.items()}
    repeats: dict[str, list[tuple[int, int]]] = {
        topic: [] for topic, info in bag.topics.items() if info.definition.name == IMAGE
    }
    last: dict[str, int] = {}  # checksum of the newest image
    for message in bag.messages():
        topic, log_ns = message.topic, message.log_ros_ns
        times[topic].add(message.data, log_ns)
        if topic in repeats:
            checksum = zlib.crc32(memoryview(message.data)[_PIXELS_FROM:])
            begin = repeats[topic].pop()[0] if last.get(topic) == checksum else log_ns
            repeats[topic].append((begin, log_ns))
            last[topic] = checksum
    return BagStatistics(bag, times, repeats, _expected_hz(bag, times), arm_motion(bag), span_of(times))


def _expected_hz(bag: Bag, times: Mapping[str, TopicTimes]) -> dict[str, float]:
    """Rates that the recorder expected; without any, the usual rates of images, joint states and targets."""
    try:
        hz = {str(k): float(v) for k, v in json.loads(bag.labels.get(EXPECTED_HZ, "{}")).items()}
    except (ValueError, TypeError, AttributeError):
        hz = {}
    if hz:
        return {topic: rate for topic, rate in hz.items() if rate > 0}
    periodic = [t for t, info in bag.topics.items() if info.definition.name in PERIODIC_TYPES]
    return {t: _usual_hz(times[t].log_ros_ns) for t in periodic}


def _usual_hz(log_ros_ns: Int64[np.ndarray, " t"]) -> float:
    return NS_PER_S / max(float(np.median(np.diff(log_ros_ns))), 1.0) if len(log_ros_ns) > 2 else 0.0
