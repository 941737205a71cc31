"""The two threads of a running policy: one embeds observations, one ticks at a fixed rate."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from f2o_nodekit.pace import Pace, Tick, request_fifo
from f2o_nodekit.stats import RateMeter, Samples

from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.policy import FOLLOWED, Policy, TickResult, TickStatus
from f2o_policy.runtime.trace import Trace, summarise

SWITCH_S = 5e-4  # the ticking thread waits at most so long for Python's lock
RECENT = 1000  # ticks in the diagnostics
FAILED = TickResult(TickStatus.FAILED)


class Loop:
    """Embeds and ticks until ``stop``.

    Args:
        policy: the core.
        config: rate and priority.
        ros_clock: ROS time [ns].
        publish: publishes the target of a tick: the result, the ROS time the target is due.
        publish_details: publishes the rest of such a tick; not counted in the tick's time.
    """

    def __init__(
        self,
        policy: Policy,
        config: PolicyConfig,
        ros_clock: Callable[[], int],
        publish: Callable[[TickResult, int], None],
        publish_details: Callable[[Tick, TickResult, int], None],
    ) -> None:
        self._policy, self._config = policy, config
        self._ros_clock, self._publish, self._publish_details = ros_clock, publish, publish_details
        self._stopping = threading.Event()
        self._embed_ms, self._embed_rate = Samples(300), RateMeter()
        self.trace, self.status = Trace(keep=bool(config.trace)), TickStatus.NO_OBSERVATION
        self.faults, self.fault = 0, ""  # ticks that raised, and the last error
        self.out_of_reach, self.out_of_reach_mono_ns = 0, 0  # poses of chunks, and when the last of them came
        self.mode, self.real_time = "", False
        self.ticked_mono_ns = self.target_mono_ns = self.chunk_mono_ns = 0  # last tick, target, adopted chunk
        self._threads = [
            threading.Thread(target=f, name=name, daemon=True)
            for f, name in ((self._embed, "policy embed"), (self._tick, "policy loop"))
        ]

    def start(self) -> None:
        """Start both threads, and raise the caller's priority to just below that of the ticking thread.

        All threads share Python's lock, so the loop would wait for a thread that is preempted while it holds it.
        Threads started later inherit the caller's priority.
        """
        sys.setswitchinterval(SWITCH_S)
        if self._config.fifo_priority > 1:
            request_fifo(self._config.fifo_priority - 1)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=1.0)

    def set_mode(self, mode: str) -> None:
        """Set the bridge's mode, see ``Policy.set_mode``."""
        self.mode = mode
        self._policy.set_mode(mode)

    def values(self) -> dict[str, Any]:
        """Statistics of the last ticks for the diagnostics, followed by the bridge or not."""
        recent = self.trace.recent(RECENT)
        recent["armed"] = np.ones_like(recent["armed"])
        found = {"mode": self.mode, "embed_hz": self._embed_rate.hz(time.monotonic_ns())}
        found |= {"fifo": str(self.real_time), "faults": self.faults, "fault": self.fault or "none"}
        found |= {"out_of_reach": self.out_of_reach}
        found |= {f"embed_ms.{k}": v for k, v in self._embed_ms.summary().items()}
        for key, value in summarise(recent).items():
            found |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        return found

    def _embed(self) -> None:
        while not self._stopping.is_set():
            try:
                seconds = self._policy.embed_newest(timeout_s=0.2)
            except Exception as error:  # this observation is lost; the age of the last one is checked
                self._count_fault(error)
                continue
            if seconds is not None:
                self._embed_ms.add(seconds * 1e3)
                self._embed_rate.tick(time.monotonic_ns())

    def _count_fault(self, error: Exception) -> None:
        self.faults, self.fault = self.faults + 1, f"{type(error).__name__}: {error}"

    def _tick(self) -> None:
        priority = self._config.fifo_priority
        self.real_time = priority > 0 and request_fifo(priority)
        gc.collect()
        gc.freeze()  # the collector need not scan loaded modules between ticks
        pace = Pace(1 / self._config.rate_hz, phase_s=0.0)  # the bridge ticks half a period later
        while not self._stopping.is_set():
            self._run_tick(pace.wait())
        gc.unfreeze()

    def _run_tick(self, tick: Tick) -> None:
        """One tick. No exception leaves it: without a target the bridge brakes."""
        now_ros_ns, result = self._ros_clock(), FAILED
        try:
            result = self._policy.tick(now_ros_ns)
            if result.target is not None:
                self._publish(result, now_ros_ns)
        except Exception as error:
            self._count_fault(error)
            result = FAILED
        self.status = result.status
        self.ticked_mono_ns = time.monotonic_ns()
        done_ns = self.ticked_mono_ns - tick.ideal_mono_ns
        if result.target is not None:
            self.target_mono_ns = self.ticked_mono_ns
        if result.chunks is not None or result.target is None:  # without targets none is missed
            self.chunk_mono_ns = self.ticked_mono_ns
        if result.out_of_reach:
            self.out_of_reach += result.out_of_reach
            self.out_of_reach_mono_ns = self.ticked_mono_ns
        self._report(tick, result, now_ros_ns)
        armed, switches = self.mode == FOLLOWED, self._policy.mode_switches
        self.trace.tick(tick, result, done_ns, now_ros_ns, armed, switches)

    def _report(self, tick: Tick, result: TickResult, now_ros_ns: int) -> None:
        """Publish the details of a tick whose target is published; a failure does not change its status."""
        if result.target is None:
            return
        try:
            self._publish_details(tick, result, now_ros_ns)
        except Exception as error:
            self._count_fault(error)
