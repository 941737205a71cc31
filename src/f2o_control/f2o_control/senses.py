"""Is what the bridge is told about the world still news? Observations, joint states, and whether the arm follows.

Stamps only say which of two messages is the newer; how long ago one came is told by the monotonic clock.
"""

from __future__ import annotations

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.limits import Joints
from f2o_control.target import Target
from f2o_control.watchdog import Watchdog

CLOCK_STEP_NS = NS_PER_S  # a stamp further back is of a clock that was set, not of an old message


class StampOrder:
    """Which stamps are later than all before; a clock that was set back begins anew."""

    def __init__(self) -> None:
        self._newest_ns: int | None = None

    def is_news(self, stamp_ns: int) -> bool:
        """True, once, for each later stamp."""
        newest = self._newest_ns
        if newest is not None and newest - CLOCK_STEP_NS < stamp_ns <= newest:
            return False
        self._newest_ns = stamp_ns
        return True


class ObservationStaleness:
    """Since when the targets of a policy have been made without seeing anything new.

    An observation is news if it is newer than all before it and at most ``limit_s`` older than the target made from it:
    a camera that froze keeps its last stamp. Watched from the first target on that names an observation.
    """

    def __init__(self, topic: str, limit_s: float) -> None:
        self._topic, self._limit_ns = topic, limit_s * NS_PER_S
        self._watch, self._order = Watchdog(limit_s), StampOrder()
        self._watching = False

    def offer(self, target: Target) -> None:
        """Take note of the observation that ``target`` was made from, if it was made from one."""
        if not target.observation_ros_ns:
            return
        fresh = target.due_ros_ns - target.observation_ros_ns <= self._limit_ns
        if self._order.is_news(target.observation_ros_ns) and fresh:
            self._watch.feed(target.received_mono_ns)
        elif not self._watching:
            self._watch.start(target.received_mono_ns)
        self._watching = True

    def restart(self, mono_ns: int) -> None:
        """Wait for a newer observation from now on."""
        if self._watching:
            self._watch.start(mono_ns)

    def problem(self, mono_ns: int) -> str:
        """Why the observations are stale, in half a sentence; empty where they are not."""
        if not self._watching or not self._watch.expired(mono_ns):
            return ""
        return (
            f"no new observation behind the targets on {self._topic} for {self._watch.age_s(mono_ns):.3f} s"
        )


class Following:
    """Does the arm go where it is sent? After a reflex a controller goes on talking while the arm stands."""

    def __init__(self, joint_names: tuple[str, ...], limit_rad: float, limit_s: float) -> None:
        self._names, self._most, self._limit_ns = joint_names, limit_rad, limit_s * NS_PER_S
        self._since_ns: int | None = None

    def problem(self, command: Joints, measured: Joints, mono_ns: int) -> str:
        """Which joint stayed behind for too long, in one sentence; empty where none did."""
        behind = np.abs(command - measured)
        worst = int(behind.argmax())
        if behind[worst] < self._most:
            self._since_ns = None
            return ""
        self._since_ns = mono_ns if self._since_ns is None else self._since_ns
        if mono_ns - self._since_ns < self._limit_ns:
            return ""
        return f"the arm does not follow: {self._names[worst]} is {behind[worst]:.2f} rad from its command"
