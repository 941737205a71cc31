"""A command source: its targets, checked, the newest of them, and whether it is fresh."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.latest import Latest
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.config import BridgeConfig
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription
from f2o_control.staleness import ObservationStaleness, Watchdog
from f2o_control.state import Mode
from f2o_control.target import RawTarget, Target, TargetCheck

MANY = 5  # refused targets in a row: more than one that is late


class CommandSource:
    """Targets of one topic, followed in one mode. ``offer`` and the other methods may be different threads."""

    def __init__(self, mode: Mode, topic: str, robot: RobotDescription, config: BridgeConfig) -> None:
        rules, times = config.targets, config.timeouts
        self.mode, self.topic = mode, topic
        reach = np.array(robot.position_min), np.array(robot.position_max), np.array(robot.velocity)
        joint_names, allowed = robot.joint_names, (rules.max_staleness_s, rules.max_ahead_s)
        self.check = TargetCheck(joint_names, mode.value, *allowed, reach)
        self.watch = Watchdog(times.target_s, times.first_target_s)
        self.newest: Target | None = None
        self.lost = 0  # targets, by the gaps in their sequence
        self._sequence: int | None = None
        self._observations = ObservationStaleness(topic, times.observations_s)
        self._joint_names, self._max_start_error_rad = joint_names, config.max_start_error_rad
        self._fresh_ns = times.target_s * NS_PER_S
        self._slot: Latest[Target] = Latest()

    def offer(self, raw: RawTarget, now_ros_ns: int, now_mono_ns: int) -> bool:
        """Check ``raw``; returns whether it is accepted."""
        self._count(raw.sequence)
        target = self.check.admit(raw, now_ros_ns, now_mono_ns)
        if target is not None:
            self._observations.offer(target)
            self._slot.put(target)
        return target is not None

    def _count(self, sequence: int) -> None:
        """Count lost targets; a sequence that goes back is of a sender that was restarted."""
        if self._sequence is not None:
            self.lost += max(sequence - self._sequence - 1, 0)
        self._sequence = sequence

    def refusing(self, mono_ns: int) -> str:
        """Why the targets that come now are all refused, and how many; '' where they are not."""
        check = self.check
        if check.refused_in_a_row < MANY or mono_ns - check.refused_mono_ns > NS_PER_S:
            return ""
        since = f"{check.refused_in_a_row} since the last good one"
        return f"targets come on {self.topic} and are refused, {since}: {check.last_text.partition(': ')[2]}"

    def take(self) -> Target | None:
        """The newest target, once."""
        target = self._slot.take()
        if target is not None:
            self.watch.feed(target.received_mono_ns)
            self.newest = target
        return target

    def restart(self, mono_ns: int) -> None:
        """Forget all targets and wait for a first one from now on."""
        self._slot.clear()
        self.check.restart()
        self.watch.start(mono_ns)
        self._observations.restart(mono_ns)
        self.newest = None

    def stale(self, mono_ns: int) -> str:
        """Why the observations behind its targets are stale, or ''; only a policy needs observations."""
        return self._observations.problem(mono_ns) if self.mode is Mode.POLICY else ""

    def late(self, mono_ns: int) -> str:
        """How long there has been no target, if too long; else ''."""
        if not self.watch.expired(mono_ns):
            return ""
        what = "target" if self.watch.seen else "first target after arming"
        return f"no {what} for {self.watch.age_s(mono_ns):.3f} s"

    def silent(self, mono_ns: int) -> bool:
        """Whether there is no fresh target."""
        target = self._slot.get() or self.newest
        return target is None or mono_ns - target.received_mono_ns > self._fresh_ns

    def unfit(self, position: Joints, mono_ns: int) -> str:
        """Why its targets cannot be followed from ``position`` [rad] on, or ''."""
        target = self._slot.get() or self.newest
        if target is None or self.silent(mono_ns):
            return f"no fresh target on {self.topic}"
        return self.stale(mono_ns) or self.start_error(target, position)

    def start_error(self, target: Target, position: Joints) -> str:
        """Which joint of ``target`` is too far from ``position`` [rad], or ''."""
        away = np.abs(target.positions - position)
        worst = int(away.argmax())
        if away[worst] <= self._max_start_error_rad:
            return ""
        return (
            f"the target of {self._joint_names[worst]} on {self.topic} is {away[worst]:.2f} rad away "
            f"(limit {self._max_start_error_rad:g} rad)"
        )
