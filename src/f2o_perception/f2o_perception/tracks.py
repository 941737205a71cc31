"""Recent joint and gripper samples, interpolated at any stamp among them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Generic, TypeVar

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_perception.frames import GripperSample, JointSample

CAPACITY = 2048  # 2 s at 1 kHz, 16 s at 125 Hz


Sample = TypeVar("Sample", JointSample, GripperSample)


class _Track(Generic[Sample]):
    """Stamped samples in order of time, bounded."""

    def __init__(self) -> None:
        self._stamps: list[int] = []
        self._samples: list[Sample] = []

    @property
    def newest_ros_ns(self) -> int | None:
        """Stamp of the newest sample."""
        return self._stamps[-1] if self._stamps else None

    @property
    def oldest_ros_ns(self) -> int | None:
        """Stamp of the oldest sample kept."""
        return self._stamps[0] if self._stamps else None

    def clear(self) -> None:
        """Forget everything."""
        self._stamps.clear()
        self._samples.clear()

    def push(self, sample: Sample) -> None:
        """Append a sample that is newer than all before it; half of a full track is forgotten."""
        if len(self._stamps) == CAPACITY:
            del self._stamps[: CAPACITY // 2], self._samples[: CAPACITY // 2]
        self._stamps.append(sample.stamp_ros_ns)
        self._samples.append(sample)


class JointTrack(_Track[JointSample]):
    """Joint samples, linear in between, extrapolated a little at the end."""

    def __init__(self, max_gap_ns: int, max_extrapolation_ns: int) -> None:
        super().__init__()
        self._max_gap_ns, self._max_extrapolation_ns = max_gap_ns, max_extrapolation_ns

    def gap_ns(self, stamp_ros_ns: int) -> int:
        """Time between the samples on both sides of ``stamp_ros_ns``, which lies among them."""
        after = bisect_left(self._stamps, stamp_ros_ns)
        return self._stamps[after] - self._stamps[after - 1]

    def covers(self, stamp_ros_ns: int) -> bool:
        """Whether a sample at or after ``stamp_ros_ns`` is there, so that no extrapolation is needed."""
        return bool(self._stamps) and self._stamps[-1] >= stamp_ros_ns

    def at(self, stamp_ros_ns: int) -> JointSample | None:
        """The joints at ``stamp_ros_ns``; None before the first sample, within a gap, or too far past the end."""
        after = bisect_left(self._stamps, stamp_ros_ns)
        if after == len(self._stamps):
            return self._extrapolated(stamp_ros_ns)
        newer = self._samples[after]
        if newer.stamp_ros_ns == stamp_ros_ns and not np.isnan(newer.velocities).any():
            return newer
        if after == 0 or newer.stamp_ros_ns - self._stamps[after - 1] > self._max_gap_ns:
            return None
        return _blend(self._samples[after - 1], newer, stamp_ros_ns)

    def _extrapolated(self, stamp_ros_ns: int) -> JointSample | None:
        if len(self._samples) < 2 or stamp_ros_ns - self._stamps[-1] > self._max_extrapolation_ns:
            return None
        before, last = self._samples[-2:]
        velocities = _measured_or_slope(last.velocities, before, last)
        positions = last.positions + velocities * ((stamp_ros_ns - last.stamp_ros_ns) / NS_PER_S)
        return JointSample(stamp_ros_ns, last.names, positions, velocities, last.ahead_ns)


def _blend(older: JointSample, newer: JointSample, stamp_ros_ns: int) -> JointSample:
    """Linear interpolation of positions and velocities."""
    span = newer.stamp_ros_ns - older.stamp_ros_ns
    share = (stamp_ros_ns - older.stamp_ros_ns) / span
    positions = older.positions + share * (newer.positions - older.positions)
    velocities = older.velocities + share * (newer.velocities - older.velocities)
    rates = _measured_or_slope(velocities, older, newer)
    return JointSample(stamp_ros_ns, newer.names, positions, rates, newer.ahead_ns)


def _measured_or_slope(
    velocities: Float64[np.ndarray, " n"], older: JointSample, newer: JointSample
) -> Float64[np.ndarray, " n"]:
    """``velocities``; where one is not measured, the slope of the positions."""
    slope = (newer.positions - older.positions) / ((newer.stamp_ros_ns - older.stamp_ros_ns) / NS_PER_S)
    return np.where(np.isnan(velocities), slope, velocities)


class GripperTrack(_Track[GripperSample]):
    """Gripper samples, each valid until the next one.

    Held rather than interpolated: at 15 Hz the next sample is up to 67 ms away, and a policy at 125 Hz has no use
    for an observation that has waited for it.
    """

    def __init__(self, max_age_ns: int) -> None:
        super().__init__()
        self._max_age_ns = max_age_ns

    def at(self, stamp_ros_ns: int) -> GripperSample | None:
        """The last sample not after ``stamp_ros_ns``; None where that is too long ago or there is none."""
        index = bisect_right(self._stamps, stamp_ros_ns) - 1
        if index < 0 or stamp_ros_ns - self._stamps[index] > self._max_age_ns:
            return None
        return self._samples[index]
