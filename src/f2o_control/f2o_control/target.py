"""Checks of joint targets, and the count of refusals by reason."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.joints import joint_order
from f2o_nodekit.robot import canonical_names
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.robot import Joints
from f2o_control.state import SOURCES

BEYOND_RAD = 0.05  # a target may lie so far beyond a joint's range: it is then taken to the end
JUMP_RAD, FASTER, JUMP_S = (
    0.05,
    1.5,
    0.1,
)  # and so far from the last, with what the joint moves, for so long at most


class Refusal(enum.Enum):
    """Why a target is refused; the value is its name in the diagnostics."""

    NAMES_MISSING = "names_missing"
    NAMES_UNKNOWN = "names_unknown"
    NAMES_REPEATED = "names_repeated"
    LENGTH = "length"
    NOT_FINITE = "not_finite"
    SOURCE = "source"
    STALE = "stale"
    AHEAD = "ahead"
    REVERSED = "reversed"
    RANGE = "range"
    JUMP = "jump"


@dataclass(frozen=True)
class RawTarget:
    """A target as received, unchecked."""

    names: tuple[str, ...]
    positions: Sequence[float]  # rad
    velocities: Sequence[float]  # rad/s; may be empty
    gripper_width: float  # m
    due_ros_ns: int
    source: str
    sequence: int = 0  # counts the sender's messages
    observation_ros_ns: int = 0  # stamp of the observation that it was made from; 0: from none


@dataclass(frozen=True)
class Target:
    """An accepted target: where the joints shall be at ``due_ros_ns``."""

    positions: Joints  # rad, in the robot's order
    velocities: Joints | None  # rad/s; None where the sender gave none
    gripper_width: float  # m
    due_ros_ns: int
    received_mono_ns: int
    source: str
    observation_ros_ns: int = 0  # 0: made from none


class TargetCheck:
    """Accepts a target whose names, numbers, due time and source are right.

    Args:
        joint_names: the robot's joints; a target names these, or canonically, in any order.
        mode: in which the targets are followed; only its sources are accepted.
        max_staleness_s: longest time after its due time that a target is accepted.
        max_ahead_s: longest time before it.
        reach: lowest and highest position, and fastest motion, of each joint [rad, rad/s].
    """

    def __init__(
        self,
        joint_names: tuple[str, ...],
        mode: str,
        max_staleness_s: float,
        max_ahead_s: float,
        reach: tuple[Joints, Joints, Joints],
    ) -> None:
        self._own, self._canonical = joint_names, canonical_names(len(joint_names))
        self._lower, self._upper, self._fastest = reach
        self._last: Joints | None = None  # accepted
        self._sources = tuple(source for source, its_mode in SOURCES.items() if its_mode.value == mode)
        self._max_staleness_s, self._max_ahead_s = max_staleness_s, max_ahead_s
        self._order: tuple[tuple[str, ...] | None, list[int]] = (None, [])
        self._last_due_ns = 0
        self.refused: Counter[Refusal] = Counter()
        self.last_text = ""
        self.refused_in_a_row, self.refused_mono_ns = 0, 0  # since the last accepted; when the newest came

    def restart(self) -> None:
        """Forget the last due time, on arming: the sender's clock may have been set back."""
        self._last_due_ns, self._last = 0, None

    def admit(self, raw: RawTarget, now_ros_ns: int, now_mono_ns: int) -> Target | None:
        """The target in the robot's order, or None; the refusal is counted and explained in ``last_text``."""
        refusal = self._names_wrong(raw) or self._numbers_wrong(raw) or self._not_due(raw, now_ros_ns)
        refusal = refusal or self._out_of_reach(raw)
        if refusal is not None:
            self.refused[refusal[0]] += 1
            self.refused_in_a_row, self.refused_mono_ns = self.refused_in_a_row + 1, now_mono_ns
            self.last_text = f"target refused: {refusal[1]}"
            return None
        order = self._order[1]
        positions = np.array(raw.positions, dtype=float)[order]
        self._last_due_ns, self._last, self.refused_in_a_row = raw.due_ros_ns, positions, 0
        velocities = np.array(raw.velocities, dtype=float)[order] if len(raw.velocities) else None
        return Target(
            positions,
            velocities,
            float(raw.gripper_width),
            raw.due_ros_ns,
            now_mono_ns,
            raw.source,
            raw.observation_ros_ns,
        )

    def _names_wrong(self, raw: RawTarget) -> tuple[Refusal, str] | None:
        if raw.names == self._order[0]:
            return None
        names = self._canonical if set(raw.names) & set(self._canonical) else self._own
        legal = ", ".join(names)
        if repeated := sorted(name for name, count in Counter(raw.names).items() if count > 1):
            return Refusal.NAMES_REPEATED, f"{', '.join(repeated)} named more than once, expected {legal}"
        if unknown := [name for name in raw.names if name not in names]:
            return Refusal.NAMES_UNKNOWN, f"unknown name {', '.join(unknown)}, expected {legal}"
        if missing := [name for name in names if name not in raw.names]:
            return Refusal.NAMES_MISSING, f"{', '.join(missing)} missing, expected {legal}"
        self._order = (raw.names, joint_order(raw.names, names))
        return None

    def _numbers_wrong(self, raw: RawTarget) -> tuple[Refusal, str] | None:
        count = len(raw.names)
        if len(raw.positions) != count or len(raw.velocities) not in (0, count):
            got = f"{len(raw.positions)} positions and {len(raw.velocities)} velocities"
            return Refusal.LENGTH, f"{got}, expected {count} and {count} or none"
        for what, values in (("position", raw.positions), ("velocity", raw.velocities)):
            bad = ~np.isfinite(np.asarray(values, dtype=float))
            if bad.any():
                return Refusal.NOT_FINITE, f"{what} of {raw.names[int(bad.argmax())]} is not finite"
        if not np.isfinite(raw.gripper_width):
            return Refusal.NOT_FINITE, "gripper_width is not finite"
        return None

    def _not_due(self, raw: RawTarget, now_ros_ns: int) -> tuple[Refusal, str] | None:
        if raw.source not in self._sources:
            legal = " or ".join(self._sources)
            return Refusal.SOURCE, f"source is '{raw.source}', expected {legal}"
        age_s = (now_ros_ns - raw.due_ros_ns) / NS_PER_S
        if age_s > self._max_staleness_s:
            return Refusal.STALE, f"due {age_s:.3f} s ago, expected at most {self._max_staleness_s:g} s"
        if -age_s > self._max_ahead_s:
            return Refusal.AHEAD, f"due in {-age_s:.3f} s, expected at most {self._max_ahead_s:g} s"
        if raw.due_ros_ns <= self._last_due_ns:
            back_s = (self._last_due_ns - raw.due_ros_ns) / NS_PER_S
            return Refusal.REVERSED, f"due {back_s:.3f} s before the last one, expected later"
        return None

    def _out_of_reach(self, raw: RawTarget) -> tuple[Refusal, str] | None:
        """A position that the arm has not, or that is further from the last target than a joint moves in between."""
        positions = np.array(raw.positions, dtype=float)[self._order[1]]
        beyond = np.maximum(self._lower - positions, positions - self._upper)
        worst = int(beyond.argmax())
        if beyond[worst] > BEYOND_RAD:
            low, high = self._lower[worst], self._upper[worst]
            return (
                Refusal.RANGE,
                f"{self._own[worst]} is {positions[worst]:.2f} rad, it goes from {low:.2f} to {high:.2f} rad",
            )
        if self._last is None:
            return None
        since_s = min((raw.due_ros_ns - self._last_due_ns) / NS_PER_S, JUMP_S)
        away = np.abs(positions - self._last)
        further = away - FASTER * self._fastest * since_s - JUMP_RAD
        worst = int(further.argmax())
        if further[worst] <= 0:
            return None
        size = f"{away[worst]:.2f} rad from the last target"
        return Refusal.JUMP, f"{self._own[worst]} jumps, {size}, due {since_s * 1e3:.0f} ms before"
