"""Is what the bridge is told about the world still news? Observations, joint states, and whether the arm follows.

Stamps only say which of two messages is the newer; how long ago one came is told by the monotonic clock.
"""

from __future__ import annotations

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.limits import Joints
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


class Observations:
    """What the policy looks at, from the first one on: a policy that sees nothing new must not move the arm.

    A camera that froze keeps its last stamp, and so do observations made of it: they are no news.
    """

    def __init__(self, topic: str, limit_s: float) -> None:
        self._topic, self._watch, self._order = topic, Watchdog(limit_s), StampOrder()

    def offer(self, stamp_ros_ns: int, mono_ns: int) -> None:
        """One came at ``mono_ns`` whose images are of ``stamp_ros_ns``."""
        if self._order.is_news(stamp_ros_ns):
            self._watch.feed(mono_ns)

    def problem(self, mono_ns: int) -> str:
        """Why the policy is blind, in half a sentence; empty where it sees, or nobody ever said anything."""
        if not self._watch.seen or not self._watch.expired(mono_ns):
            return ""
        return f"no new observation on {self._topic} for {self._watch.age_s(mono_ns):.3f} s"


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
