"""Worker processes for offline work, which leave Ctrl-C to the process that started them."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool


@contextmanager
def workers(processes: int, initializer: Callable[[], None] | None = None) -> Iterator[Pool]:
    """A pool of ``processes`` fresh interpreters; leaving the context ends them.

    A terminal sends Ctrl-C to every process at once, and each worker would print a traceback of its own, from the
    first moment of its imports on. They are therefore started with SIGINT ignored, which they inherit.
    """
    in_main = threading.current_thread() is threading.main_thread()  # others may not touch signals
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
    try:
        pool = multiprocessing.get_context("spawn").Pool(processes, initializer)
    finally:
        if in_main:
            signal.signal(signal.SIGINT, before)
    with pool:
        yield pool
