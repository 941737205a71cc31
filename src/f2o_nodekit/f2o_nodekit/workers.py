"""Worker processes for offline work; Ctrl-C is handled by the process that started them."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.pool import Pool
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


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


def results(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    processes: int,
    close: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """``work`` of every job, in the order of ``jobs``; in this process where one is enough.

    Args:
        work: a function of a module, not of ``__main__``.
        jobs: what it is called with.
        processes: how many share the jobs.
        close: frees what ``work`` keeps open in its process; called in each of them at the end.
    """
    if processes == 1 or len(jobs) < 2:
        try:
            yield from map(work, jobs)
        finally:
            if close is not None:
                close()
        return
    with workers(processes, partial(_at_exit, close) if close else None) as pool:
        yield from pool.imap(work, jobs)
        pool.close()
        pool.join()  # workers that are terminated do not close


def _at_exit(close: Callable[[], None]) -> None:
    multiprocessing.util.Finalize(None, close, exitpriority=10)  # workers do not run atexit
