"""When the machine itself stood still: a thread on each processor that nothing may delay, and how late it wakes.

A virtual machine stops for as long as its host likes, and a kernel that cannot be preempted has pauses of its own.
A deadline missed then says nothing of the software; one missed at any other time does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from f2o_nodekit.pace import request_fifo
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Bool, Int64

PRIORITY = 90  # above every thread of the graph
PERIOD_NS = 1_000_000
STALL_NS = 1_500_000  # from this on a late wake counts; a quiet machine wakes within 0.2 ms


class Stalls:
    """What the probes saw: ``spans`` (n, 2) from when to when one of them did not run [ns, monotonic clock]."""

    def __init__(self) -> None:
        self.spans: Int64[np.ndarray, "n 2"] = np.zeros((0, 2), np.int64)
        self.watched = False  # whether SCHED_FIFO was granted: without it the probes say nothing

    def during(self, begin_ns: np.ndarray, end_ns: np.ndarray) -> Bool[np.ndarray, " n"]:
        """Which of the intervals overlap with a stall."""
        begins, ends = self.spans[:, 0], self.spans[:, 1]
        return np.any((begins < end_ns[:, None]) & (ends > begin_ns[:, None]), axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Number and durations of stalls [ms]; ``watched: false`` alone where the probes got no priority."""
        if not self.watched:
            return {"watched": False}
        lengths = np.diff(self.spans, axis=1)[:, 0] / 1e6
        found = {"count": len(lengths), "total_ms": round(float(lengths.sum()), 1)}
        return {"watched": True, **found, "max_ms": round(float(lengths.max(initial=0.0)), 2)}


@contextmanager
def watch() -> Iterator[Stalls]:
    """Probe every processor of this process meanwhile; the result is filled on leaving."""
    found, context = Stalls(), multiprocessing.get_context("spawn")
    probes = []
    for cpu in sorted(os.sched_getaffinity(0)):
        ours, theirs = context.Pipe()
        process = context.Process(target=_probe, args=(cpu, theirs), daemon=True)
        process.start()
        theirs.close()  # else a probe that was killed would be waited for
        probes.append((process, ours))
    try:
        found.watched = all([ours.recv() for _, ours in probes])
        yield found
    finally:
        for _, ours in probes:
            ours.send(None)
        spans = [span for _, ours in probes for span in _received(ours)]
        found.spans = np.array(spans, np.int64).reshape(-1, 2)
        for process, _ in probes:
            process.join(1.0)
            process.kill()


def _received(ours: Connection) -> list[tuple[int, int]]:
    with suppress(EOFError):
        return ours.recv()
    return []


def _probe(cpu: int, ours: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.sched_setaffinity(0, {cpu})
    granted = request_fifo(PRIORITY)
    ours.send(granted)
    ours.send(late_wakes(lambda: ours.poll()) if granted else [])


def late_wakes(
    stop: Callable[[], bool],
    clock: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> list[tuple[int, int]]:
    """Wake every millisecond until ``stop()``; the due and actual times [ns] of every wake that came too late."""
    late, due = [], clock()
    while not stop():
        due += PERIOD_NS
        if (left := due - clock()) > 0:
            sleep(left / NS_PER_S)
        if (now := clock()) - due > STALL_NS:
            late.append((due, now))
            due = now
    return late
