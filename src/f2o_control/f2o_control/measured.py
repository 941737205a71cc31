"""The measured joints, whether they are fresh, and whether the arm follows its commands."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.latest import Latest
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.limits import Joints
from f2o_control.staleness import StampOrder


class MeasuredJoints:
    """The newest joint states. ``offer`` and the other methods may be different threads.

    Args:
        names: of the joints.
        topic: of the joint states.
        limit_s: age beyond which they are stale.
    """

    def __init__(self, names: tuple[str, ...], topic: str, limit_s: float) -> None:
        self._names, self._topic, self._limit_s = names, topic, limit_s
        self._newest: Latest[tuple[Joints, int]] = Latest()
        self._order = StampOrder()

    def offer(self, positions: Joints, mono_ns: int, stamp_ns: int) -> None:
        """Take ``positions`` [rad] if they are finite and newer than the last; ``stamp_ns`` 0 is unknown."""
        if np.isfinite(positions).all() and (not stamp_ns or self._order.is_news(stamp_ns)):
            self._newest.put((positions, mono_ns))

    @property
    def position(self) -> Joints | None:
        """The newest [rad]; None before the first."""
        newest = self._newest.get()
        return None if newest is None else newest[0]

    def age_s(self, mono_ns: int) -> float:
        """Seconds since the newest came; infinite before the first."""
        newest = self._newest.get()
        return float("inf") if newest is None else (mono_ns - newest[1]) / NS_PER_S

    def stale(self, mono_ns: int) -> str:
        """How long there have been no joint states, if too long; else ''."""
        age_s = self.age_s(mono_ns)
        return f"no joint states for {age_s:.3f} s" if age_s > self._limit_s else ""

    def unfit(self, mono_ns: int) -> str:
        """Why a motion must not begin, or ''."""
        if self.position is None:
            return f"no joint states with {', '.join(self._names)} on {self._topic} yet"
        if not self.stale(mono_ns):
            return ""
        age_s, limit_s = self.age_s(mono_ns), self._limit_s
        return f"the last joint states on {self._topic} came {age_s:.1f} s ago (limit {limit_s:g} s)"


class TrackingMonitor:
    """Watches the tracking error: after a reflex a controller keeps publishing while the arm stands still.

    Args:
        joint_names: of the arm.
        max_error_rad: largest distance of a joint from its command.
        limit_s: how long it may be exceeded.
    """

    def __init__(self, joint_names: tuple[str, ...], max_error_rad: float, limit_s: float) -> None:
        self._names, self._max_error_rad, self._limit_ns = joint_names, max_error_rad, limit_s * NS_PER_S
        self._since_ns: int | None = None

    def problem(self, command: Joints, measured: Joints, mono_ns: int) -> str:
        """Which joint has exceeded the tracking error for too long, or ''."""
        error = np.abs(command - measured)
        worst = int(error.argmax())
        if error[worst] < self._max_error_rad:
            self._since_ns = None
            return ""
        self._since_ns = mono_ns if self._since_ns is None else self._since_ns
        if mono_ns - self._since_ns < self._limit_ns:
            return ""
        return f"the arm does not follow: {self._names[worst]} is {error[worst]:.2f} rad from its command"
