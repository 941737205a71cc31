"""Ctrl-C as an event, because an exception inside rclpy makes its destructors print tracebacks."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator


@contextlib.contextmanager
def ended_by_signals() -> Generator[threading.Event, None, None]:
    """Within this context SIGINT and SIGTERM only set the event."""
    ended = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in numbers}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
