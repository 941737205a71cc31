"""A spool between the callbacks and the disk: a bounded queue, one thread that writes and one that syncs.

A callback only appends to a list. Every `flush_s` the writing thread takes the whole list, writes it and flushes, so a
kill loses at most what arrived since. A stall of the disk fills the queue; only a full queue drops messages, counted by
topic. Syncing has a thread of its own because it is slow: a second of three 640x480 views at 30 Hz takes 0.2 s, in
which nothing could be written. Every 0.25 s, beside the writing thread, it delays a write by 8 ms at most.
"""

import threading
from collections import Counter
from collections.abc import Mapping

from f2o_bags.errors import BagError
from f2o_bags.writer import BagMessage, BagSummary, BagWriter


class Spool:
    """Writes a bag from threads of its own, which end with ``close`` or when the disk fails.

    Attributes:
        drops: messages refused because the queue was full, by topic.
        accepted: messages queued so far.
        failure: why writing has stopped, '' while it works.
    """

    def __init__(
        self, bag: BagWriter, queue_bytes: int, flush_s: float = 0.008, sync_s: float = 0.25
    ) -> None:
        self._bag = bag
        self._queue_bytes, self._flush_s, self._sync_s = queue_bytes, flush_s, sync_s
        self._lock = threading.Lock()
        self._waiting: list[BagMessage] = []
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

    def put(self, message: BagMessage) -> bool:
        """Queue one message without waiting; False, and a count in `drops`, when there is no room."""
        size = len(message.data)
        with self._lock:
            fits = not self.failure and self._waiting_bytes + size <= self._queue_bytes
            if fits:
                self._waiting.append(message)
                self._waiting_bytes += size
                self.accepted += 1
            else:
                self.drops[message.topic] += 1
        return fits

    def close(self, custom: Mapping[str, str]) -> BagSummary:
        """Write what is queued, complete the bag and end the threads.

        The writing thread completes the bag, so a signal that interrupts the wait does no harm: call again.

        Raises:
            BagError: the disk failed; the text says why, and where the truncated bag lies.
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
            self._end_syncing(syncing)
            self._summary = self._bag.close(self._custom)
        except (
            Exception
        ) as error:  # nobody catches what a thread raises; most likely the disk is full or gone
            self._end_syncing(syncing)
            self.failure = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            self._bag.abandon()

    def _end_syncing(self, syncing: threading.Thread) -> None:
        self._synced.set()
        syncing.join()

    def _sync(self) -> None:
        try:
            while not self._synced.wait(self._sync_s):
                self._bag.sync()
        except Exception as error:  # as in _run, which reports it
            self._sync_error = error

    def _take(self) -> list[BagMessage]:
        with self._lock:
            batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return batch

    def _write(self, batch: list[BagMessage]) -> None:
        if self._sync_error is not None:
            raise self._sync_error
        for message in batch:
            self._bag.write(message)
        self._bag.flush()
