"""One-slot hand-off between threads: the newest value wins, the others are counted."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """A slot that holds the newest value put into it.

    The slot is one reference, swapped under a lock, so a reader never sees half a value. There is no queue:
    a value that nobody took before the next one came is dropped and counted in ``dropped``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._value: T | None = None
        self._taken = True
        self.dropped = 0

    def put(self, value: T) -> None:
        """Make ``value`` the newest."""
        with self._lock:
            self.dropped += not self._taken
            self._value, self._taken = value, False
        self._event.set()

    def get(self) -> T | None:
        """Return the newest value, taken before or not; None before the first."""
        return self._value

    def take(self) -> T | None:
        """Return the newest value once; None until a newer one is put."""
        with self._lock:
            self._event.clear()
            if self._taken:
                return None
            self._taken = True
            return self._value

    def wait(self, timeout_s: float) -> T | None:
        """Wait for a value that was not taken yet and take it; None after ``timeout_s`` seconds."""
        return self.take() if self._event.wait(timeout_s) else None

    def clear(self) -> None:
        """Forget the value."""
        with self._lock:
            self._value, self._taken = None, True
        self._event.clear()
