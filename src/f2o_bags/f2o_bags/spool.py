"""Between the callbacks and the disk: a bounded queue, one thread that writes and one that syncs.

A callback only appends to a list. Every `flush_s` the thread takes the whole list, writes it and flushes, so a kill
loses at most what arrived since; a stall of the disk fills the queue, and only a full queue drops, counted by topic.
Syncing has a thread of its own because it takes long: 0.2 s for a second of three 640x480 views at 30 Hz, in which
nothing would be written; synced four times as often beside the writer, it delays a write by 8 ms at most.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from f2o_bags.errors import BagError
from f2o_bags.writer import BagSummary


@dataclass(frozen=True)
class Item:
    """One serialised message on its way to the bag."""

    topic: str
    data: bytes
    log_ros_ns: int
    publish_ros_ns: int


@runtime_checkable
class Sink(Protocol):
    """What a spool writes to: a BagWriter. Any of its methods may raise OSError."""

    folder: Path

    def write(self, topic: str, data: bytes, log_ros_ns: int, publish_ros_ns: int) -> None:
        """Appends one message."""

    def flush(self) -> None:
        """From here a kill of the process loses nothing written so far."""

    def sync(self) -> None:
        """From here a power cut loses nothing flushed so far."""

    def close(self, custom: Mapping[str, str]) -> BagSummary:
        """Completes the bag."""

    def abandon(self) -> None:
        """Lets go of it as it is."""


class Spool:
    """Feeds a bag from another thread.

    Attributes:
        drops: messages refused because the queue was full, by topic.
        failure: what stopped the thread, '' while it is well.
    """

    def __init__(self, bag: Sink, queue_bytes: int, flush_s: float = 0.008, sync_s: float = 0.25) -> None:
        self._bag = bag
        self._queue_bytes, self._flush_s, self._sync_s = queue_bytes, flush_s, sync_s
        self._lock = threading.Lock()
        self._waiting: list[Item] = []
        self._waiting_bytes = 0
        self._end, self._synced = threading.Event(), threading.Event()
        self._sync_error: Exception | None = None
        self.drops: Counter[str] = Counter()
        self.accepted = 0
        self.failure = ""
        self._custom: dict[str, str] = {}
        self._summary: BagSummary | None = None
        self._thread = threading.Thread(target=self._run, name="bag-writer", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> bool:
        """Queues one message without waiting; False, and a count in `drops`, when there is no room."""
        size = len(item.data)
        with self._lock:
            fits = not self.failure and self._waiting_bytes + size <= self._queue_bytes
            if fits:
                self._waiting.append(item)
                self._waiting_bytes += size
                self.accepted += 1
            else:
                self.drops[item.topic] += 1
        return fits

    def close(self, custom: Mapping[str, str]) -> BagSummary:
        """Writes what is queued, completes the bag and ends the thread.

        The thread itself completes the bag, so a signal that interrupts the wait harms nothing: call again.

        Raises:
            BagError: the disk failed; the text says why and what is left where.
        """
        self._custom = dict(custom)
        self._end.set()
        self._thread.join()
        if self._summary is None:
            raise BagError(f"{self._bag.folder}: kept as it is, not complete: {self.failure}")
        return self._summary

    def _run(self) -> None:
        syncing = threading.Thread(target=self._sync, name="bag-sync", daemon=True)
        syncing.start()
        try:
            while not self._end.wait(self._flush_s):
                self._write(self._take())
            self._write(self._take())
            self._synced.set()
            syncing.join()
            self._summary = self._bag.close(self._custom)
        except Exception as error:  # a thread has nobody to raise to; most likely the disk is full or gone
            self._synced.set()
            syncing.join()
            self.failure = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            self._bag.abandon()

    def _sync(self) -> None:
        try:
            while not self._synced.wait(self._sync_s):
                self._bag.sync()
        except Exception as error:  # as in _run, which reports it
            self._sync_error = error

    def _take(self) -> list[Item]:
        with self._lock:
            batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return batch

    def _write(self, batch: list[Item]) -> None:
        if self._sync_error is not None:
            raise self._sync_error
        for item in batch:
            self._bag.write(item.topic, item.data, item.log_ros_ns, item.publish_ros_ns)
        self._bag.flush()
