"""Colour, depth and camera_info of one camera, joined by equal stamps.

Live and from bags alike, hence not message_filters', of whose ``SimpleFilter`` and ``TimeSynchronizer`` ``Port`` and
``ExactPairing`` have the interface; the tests compare them where it is installed.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from f2o_nodekit.stamps import to_ns

from f2o_perception.sentences import span

QUEUE = 5  # stamps waiting for their partners: 0.17 s at 30 Hz
RESET_NS = 500_000_000  # a stamp that falls back by more is a new clock (simulation reset, bag loop)


class Port:
    """Passes every message that it is given to its callbacks."""

    def __init__(self) -> None:
        self._callbacks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def registerCallback(self, callback: Callable[..., None], *args: Any) -> int:
        """Call ``callback(*message, *args)`` for every message; returns the callback's number."""
        self._callbacks.append((callback, args))
        return len(self._callbacks) - 1

    def signalMessage(self, *message: Any) -> None:
        """Pass ``message`` on."""
        for callback, args in self._callbacks:
            callback(*message, *args)


class ExactPairing(Port):
    """Passes on one message of each input as soon as all of them have come with the same ``header.stamp``.

    At most ``queue_size`` stamps wait; of more, the oldest are given up. Unlike message_filters it holds no lock, so
    that an exception in a callback does not silence it for ever.
    """

    def __init__(self, fs: Sequence[Port], queue_size: int) -> None:
        super().__init__()
        self._queue_size, self._width = queue_size, len(fs)
        self._waiting: dict[int, dict[int, Any]] = {}  # stamp -> input -> message
        for index, port in enumerate(fs):
            port.registerCallback(self._add, index)

    def _add(self, message: Any, index: int) -> None:
        stamp = to_ns(message.header.stamp)
        parts = self._waiting.setdefault(stamp, {})
        parts[index] = message
        if len(parts) == self._width:
            del self._waiting[stamp]
            self.signalMessage(*(parts[i] for i in range(self._width)))
        elif len(self._waiting) > self._queue_size:
            del self._waiting[next(iter(self._waiting))]


class CameraInput:
    """The three ports of one camera and how much has come through each.

    Args:
        on_set: called with the colour, depth and camera_info messages of one stamp.
        port: ``Port`` or message_filters' ``SimpleFilter``.
        pairing: ``ExactPairing`` or message_filters' ``TimeSynchronizer``.
    """

    STREAMS = ("color", "depth", "camera_info")

    def __init__(
        self,
        on_set: Callable[[Any, Any, Any], None],
        port: Callable[[], Any] = Port,
        pairing: Callable[[list[Any], int], Any] = ExactPairing,
    ) -> None:
        self.received = dict.fromkeys(self.STREAMS, 0)
        self._on_set, self._port, self._pairing = on_set, port, pairing
        self._stamps = {stream: deque[int]([], QUEUE) for stream in self.STREAMS}  # since the last set
        self._connect()

    def _connect(self) -> None:
        self._newest_ros_ns = 0
        self._ports = {stream: self._port() for stream in self.STREAMS}
        self._pairing(list(self._ports.values()), QUEUE).registerCallback(self._pass_on)

    def _pass_on(self, *messages: Any) -> None:
        for stamps in self._stamps.values():
            stamps.clear()
        self._on_set(*messages)

    def unpaired(self) -> str:
        """Why what has come since the last set makes none, with its size; '' where too little has come to say."""
        come = [stream for stream, stamps in self._stamps.items() if stamps]
        if max(len(stamps) for stamps in self._stamps.values()) < QUEUE:
            return ""
        if missing := [stream for stream in self.STREAMS if stream not in come]:
            return f"{self._words(come)} come, but no {self._words(missing)}"
        apart = {
            (a, b): min(abs(x - y) for x in self._stamps[a] for y in self._stamps[b])
            for a, b in itertools.combinations(self.STREAMS, 2)
        }
        (a, b), ns = max(apart.items(), key=lambda item: item[1])
        remedy = "camera_info must have the stamp of its image" if b == "camera_info" else "enable_sync?"
        return f"{self._words([a, b])} come, their stamps differ by {span(ns)}: {remedy}"

    def _words(self, streams: Sequence[str]) -> str:
        return " and ".join(streams).replace("color", "colour")

    def push(self, stream: str, message: Any) -> None:
        """Take one message of ``stream``."""
        self.received[stream] += 1
        stamp = to_ns(message.header.stamp)
        if self._newest_ros_ns - stamp > RESET_NS:
            self._connect()  # message_filters forgets the smallest stamps first: after a step back, every new one
        self._newest_ros_ns = max(self._newest_ros_ns, stamp)
        self._stamps[stream].append(stamp)
        self._ports[stream].signalMessage(message)
