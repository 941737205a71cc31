"""The real-time loop of the bridge."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable

from f2o_nodekit.clocks import ClockOffset
from f2o_nodekit.pace import Pace, Tick, request_fifo
from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.stats import Samples

from f2o_control.bridge import Bridge, Sent

STALLED_S = 1.0  # without a tick
REST_WITHIN_S = 1.0  # longest wait for the arm to come to rest when the loop ends; it needs 0.35 s


Publish = Callable[[Sent, Callable[[], bool]], bool]


class Loop:
    """Calls ``bridge.tick`` at a fixed rate and publishes its output.

    Args:
        bridge: the core.
        rate_hz: ticks per second.
        phase_s: of the ticks, see ``Pace``.
        fifo_priority: SCHED_FIFO priority to ask for, 0 for none.
        ros_clock: ROS time in ns.
        publish: sends the output of a tick, unless, at the last moment, it is told not to; returns whether it did.
        publish_mode: publishes a new mode.
    """

    def __init__(
        self,
        bridge: Bridge,
        rate_hz: float,
        phase_s: float,
        fifo_priority: int,
        ros_clock: Callable[[], int],
        publish: Publish,
        publish_mode: Callable[[str], None],
    ) -> None:
        self._bridge, self._fifo_priority = bridge, fifo_priority
        self._pace = Pace(1.0 / rate_hz, phase_s=phase_s)
        self._ros_offset = ClockOffset(ros_clock)
        self._publish, self._publish_mode = publish, publish_mode
        self._published_mode = ""
        self._before_ns: int | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bridge loop", daemon=True)
        self.period_ms, self.work_ms = Samples(2000), Samples(2000)
        self.missed = self.failures = 0
        self.real_time = False

    def stalled_s(self, mono_ns: int) -> float:
        """Seconds since the last tick if it ought to have ticked long ago; 0 if not, or not started."""
        since_s = (mono_ns - (self._before_ns or mono_ns)) / NS_PER_S
        return since_s if since_s > STALLED_S else 0.0

    def start(self) -> None:
        """Start the thread, and raise the caller's priority to just below it.

        The two share Python's lock: a caller preempted while holding it would delay the loop. The middleware's threads
        keep ordinary priority: Fast DDS's shared memory waits for locks by yielding, and a real-time thread that
        yields to an ordinary one occupies its core for good.
        """
        if self._fifo_priority > 1:
            request_fifo(self._fifo_priority - 1)
        self._thread.start()

    def stop(self) -> None:
        """Disarm, wait until the arm is at rest, end the thread."""
        self._bridge.disarm()
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(REST_WITHIN_S)

    def _run(self) -> None:
        self.real_time = self._fifo_priority > 0 and request_fifo(self._fifo_priority)
        gc.collect()
        gc.freeze()  # spare the collector what start-up left behind
        last = False
        while not last:
            last = (
                self._stopping.is_set() and self._bridge.at_rest
            )  # one more tick, which publishes "disarmed"
            tick = self._pace.wait()
            self._count(tick)
            self.step(tick)
            self.work_ms.add((time.monotonic_ns() - tick.ideal_mono_ns - tick.late_ns) / 1e6)
        gc.unfreeze()  # else frozen objects outlive the interpreter, of which Ruckig's binding complains

    def step(self, tick: Tick) -> None:
        """One tick. No exception leaves it: a failure ends in a fault and a braking arm, within this tick."""
        now_mono_ns = tick.ideal_mono_ns + tick.late_ns
        try:
            end_ros_ns = tick.ideal_mono_ns + self._pace.period_ns + self._ros_offset.read()
            self._publish_output(self._bridge.tick(end_ros_ns, now_mono_ns, tick.ideal_mono_ns))
        except Exception as error:
            self.failures += 1
            with contextlib.suppress(Exception):
                self._publish_output(self._bridge.fail(f"{type(error).__name__}: {error}"))

    def _publish_output(self, sent: Sent | None) -> None:
        if sent is not None and self._publish(sent, lambda: self._bridge.in_time(sent, time.monotonic_ns())):
            self._bridge.handed_over(sent, time.monotonic_ns())
        if self._bridge.mode.value != self._published_mode:
            self._published_mode = self._bridge.mode.value
            self._publish_mode(self._published_mode)

    def _count(self, tick: Tick) -> None:
        now_ns = tick.ideal_mono_ns + tick.late_ns
        if self._before_ns is not None:
            self.period_ms.add((now_ns - self._before_ns) / 1e6)
        self._before_ns = now_ns
        self.missed += tick.skipped
