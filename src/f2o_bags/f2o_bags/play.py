"""Play a bag: which messages are published, when, and with which stamp. No ROS: the node is ``player_node``."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from tqdm import tqdm

from f2o_bags.errors import BagError
from f2o_bags.read import Bag, part
from f2o_bags.stamps import has_header, stamp_of, with_stamp
from f2o_bags.writer import BagMessage

REMEMBERED = 4096  # messages of a time map: some seconds


@dataclass(frozen=True)
class PlayOptions:
    """How a bag is played."""

    speed: float = 1.0  # times true speed; 0: as fast as possible
    topics: tuple[str, ...] = ()  # only these; empty: all but commands
    exclude: tuple[str, ...] = ()
    remap: Mapping[str, str] = field(default_factory=dict)
    restamp: bool = False  # headers get the time of playing, so that the messages are not stale
    clock_hz: float = 0.0  # of /clock, for nodes with use_sim_time; 0: none
    loop: bool = False
    start_offset_s: float = 0.0  # of the bag that is skipped; what was latched in it comes first
    namespace: str = ""  # of the arm whose nodes are to hear it: /left; a bag's names have none


@dataclass(frozen=True)
class Played:
    """Result of playing a bag."""

    messages: int
    bag_s: float
    wall_s: float
    late_ms: dict[str, float]  # p50, p99, max of publishing after the due time; empty without a speed


@runtime_checkable
class Output(Protocol):
    """Publishes the messages of a bag."""

    def publish(self, topic: str, data: bytes) -> None:
        """Publish one serialised message."""

    def publish_clock(self, ros_ns: int) -> None:
        """Publish the time of the bag."""

    def now_ros_ns(self) -> int:
        """Present ROS time."""


def select_topics(bag: Bag, options: PlayOptions) -> list[str]:
    """The topics of ``bag`` to play: those that are named, or all but commands.

    Raises:
        BagError: a named topic is not in the bag, or none is left.
    """
    named = {*options.topics, *options.exclude, *options.remap}
    if unknown := sorted(named - set(bag.topics)):
        raise BagError(f"{bag.path}: no topic {', '.join(unknown)}; it has {', '.join(sorted(bag.topics))}")
    wanted = options.topics or [topic for topic, info in bag.topics.items() if info.stored(topic) == topic]
    left = [topic for topic in wanted if topic not in options.exclude]
    if not left:
        raise BagError(f"{bag.path}: no topic is left to play")
    return left


class TimeMap:
    """Maps time of the bag to ROS time, for a bag that is played as fast as possible.

    A stamp becomes the ROS time at which the bag was there. Stamps of different topics so keep their order, and each
    has the age that its message had in the recording, at the speed with which that stretch was played.
    """

    def __init__(self) -> None:
        self._bag: list[int] = []
        self._ros: list[int] = []

    def add(self, bag_ns: int, ros_ns: int) -> None:
        """Note that a message received at ``bag_ns`` is played at ``ros_ns``; neither may decrease."""
        if len(self._bag) == 2 * REMEMBERED:
            del self._bag[:REMEMBERED], self._ros[:REMEMBERED]
        self._bag.append(bag_ns)
        self._ros.append(ros_ns)

    def at(self, bag_ns: int) -> int:
        """ROS time of a stamp; one before all that is remembered is mapped at true speed."""
        after = bisect_right(self._bag, bag_ns)
        if after == 0:
            return self._ros[0] - (self._bag[0] - bag_ns)
        if after == len(self._bag):
            return self._ros[-1]
        (bag, ros), (bag_after, ros_after) = ((self._bag[k], self._ros[k]) for k in (after - 1, after))
        return ros + (ros_after - ros) * (bag_ns - bag) // (bag_after - bag)


class Player:
    """Plays one bag.

    Args:
        bag: a finished one.
        options: see ``PlayOptions``.
        output: publishes the messages.
        sleep: waits that many seconds; returns True to end playing.
        mono_ns: monotonic clock.
    """

    def __init__(
        self,
        bag: Bag,
        options: PlayOptions,
        output: Output,
        sleep: Callable[[float], bool],
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._bag, self._options, self._output = bag, options, output
        self._sleep, self._mono_ns = sleep, mono_ns
        self._topics = select_topics(bag, options)
        self._stamped = (
            {t for t in self._topics if has_header(bag.topics[t].definition)} if options.restamp else ()
        )
        self._late: list[int] = []

    def play(self, progress: bool = True) -> Played:
        """Play once, or endlessly with ``loop``; ends early when ``sleep`` returns True.

        Raises:
            BagError: the bag has no message on the topics, or is damaged.
        """
        begin, count, bag_ns = self._mono_ns(), 0, 0
        while True:
            more, length, ended = self._once(progress)
            count, bag_ns = count + more, bag_ns + length
            if ended or not self._options.loop:
                break
        wall_s = (self._mono_ns() - begin) / NS_PER_S
        late = np.array(self._late) / 1e6
        shares = {"p50": 50, "p99": 99, "max": 100} if len(late) else {}
        late_ms = {name: round(float(np.percentile(late, share)), 3) for name, share in shares.items()}
        return Played(count, bag_ns / NS_PER_S, wall_s, late_ms)

    def _once(self, progress: bool) -> tuple[int, int, bool]:
        """Messages played, time of the bag [ns], and whether playing was ended."""
        first = last = 0
        count, clock_due = 0, 0
        begin_ros_ns, end_ros_ns = self._bag.span_ros_ns
        begin_ros_ns += round(self._options.start_offset_s * NS_PER_S)
        start_mono, start_ros, time_map = self._mono_ns(), self._output.now_ros_ns(), TimeMap()
        with tqdm(desc=self._bag.name, unit=" messages", unit_scale=True, disable=not progress) as bar:
            for message in part(self._bag, begin_ros_ns, end_ros_ns, self._topics):
                first = first or message.log_ros_ns
                last, count = message.log_ros_ns, count + 1
                if self._wait(start_mono, last - first):
                    return count - 1, last - first, True
                if self._options.clock_hz and last >= clock_due:
                    self._output.publish_clock(last)
                    clock_due = last + round(NS_PER_S / self._options.clock_hz)
                if self._stamped and not self._options.speed:
                    time_map.add(last, self._output.now_ros_ns())
                self._output.publish(message.topic, self._restamped(message, time_map, start_ros, first))
                bar.update()
        if not count:
            offset_s = self._options.start_offset_s
            late = f" after {offset_s:g} s" if offset_s else ""
            raise BagError(f"{self._bag.path}: no message on {', '.join(self._topics)}{late}")
        return count, last - first, False

    def _wait(self, start_mono: int, into_bag_ns: int) -> bool:
        """Wait until a moment of the bag is due; True to end playing."""
        speed = self._options.speed
        due = start_mono + round(into_bag_ns / speed) if speed else 0
        ended = self._sleep(max(0.0, (due - self._mono_ns()) / NS_PER_S) if speed else 0.0)
        if speed:
            self._late.append(self._mono_ns() - due)
        return ended

    def _restamped(self, message: BagMessage, time_map: TimeMap, start_ros: int, first: int) -> bytes:
        stamp = stamp_of(message.data) if message.topic in self._stamped else None
        if stamp is None:
            return message.data
        speed = self._options.speed
        moved = start_ros + round((stamp - first) / speed) if speed else time_map.at(stamp)
        return with_stamp(message.data, moved)
