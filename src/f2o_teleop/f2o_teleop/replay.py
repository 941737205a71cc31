"""A recorded episode as joint targets again: a way to its start, then its own path. The node is ``replay_node``.

Replaying what was commanded, in its own time, through the same limits as everything else: jerky and inaccurate replay
(droid#24, fairo#1411) comes from replaying measured states at the rate of the cameras.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from f2o_bags.decode import Decoder
from f2o_bags.errors import BagError
from f2o_bags.read import Bag
from f2o_bags.targets import recorded_target
from f2o_bags.topics import JOINT_COMMAND
from f2o_nodekit.joints import JointStateError
from f2o_nodekit.minimum_jerk import duration_s, minimum_jerk
from f2o_nodekit.stamps import NS_PER_S, to_ns
from jaxtyping import Float64

from f2o_teleop.arm import ARM_JOINTS

RAMP_RAD_S = 0.4  # the fastest joint on the way to the start
SHORTEST_RAMP_S = 1.0


@dataclass(frozen=True)
class ReplayTarget:
    """Where to be at one moment."""

    positions: Float64[np.ndarray, 8]  # joints [rad], gripper [m]
    velocities: Float64[np.ndarray, 8]


class Track:
    """Positions over time, linear in between.

    Attributes:
        names: of the joints, whatever arm it is.
    """

    def __init__(
        self,
        seconds: Float64[np.ndarray, " t"],
        positions: Float64[np.ndarray, "t 8"],
        names: tuple[str, ...] = ARM_JOINTS,
    ) -> None:
        """``seconds`` increase from 0."""
        self.names = names
        self._seconds, self._positions = seconds, positions

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last position."""
        return float(self._seconds[-1])

    @property
    def first(self) -> Float64[np.ndarray, 8]:
        """Where it begins."""
        return self._positions[0]

    def at(self, seconds: float, speed: float = 1.0) -> ReplayTarget:
        """The target after ``seconds`` of the recording, played ``speed`` times as fast; still at its ends."""
        after = int(np.clip(np.searchsorted(self._seconds, seconds, "right"), 1, len(self._seconds) - 1))
        begin, end = self._seconds[after - 1], self._seconds[after]
        slope = (self._positions[after] - self._positions[after - 1]) / (end - begin)
        if not 0.0 <= seconds < self.duration_s:
            return ReplayTarget(self._positions[0 if seconds < 0 else -1].copy(), np.zeros(8))
        return ReplayTarget(self._positions[after - 1] + slope * (seconds - begin), slope * speed)


class Ramp:
    """From where the arm is to where the recording begins: minimum jerk, no joint faster than asked."""

    def __init__(
        self, start: Float64[np.ndarray, 8], goal: Float64[np.ndarray, 8], rad_s: float = RAMP_RAD_S
    ) -> None:
        self._start, self._way = start, goal - start
        self.duration_s = duration_s(float(np.abs(self._way[:-1]).max()), rad_s, SHORTEST_RAMP_S)

    def at(self, seconds: float) -> ReplayTarget:
        """The target after ``seconds``."""
        share, rate = minimum_jerk(seconds / self.duration_s)
        return ReplayTarget(self._start + share * self._way, rate / self.duration_s * self._way)


def load_track(
    bag: Bag, topic: str = JOINT_COMMAND, begin_s: float = 0.0, end_s: float | None = None
) -> Track:
    """What ``topic`` (JointTarget) says from ``begin_s`` to ``end_s`` after its first message, by the headers' stamps.

    Raises:
        BagError: no such topic, or messages that are no targets of this arm.
    """
    if topic not in bag.topics:
        raise BagError(f"{bag.path}: no topic {topic}; it has {', '.join(sorted(bag.topics))}")
    decode, names = Decoder(bag), ()
    stamps, rows = [], []
    for message in bag.messages([topic]):
        decoded = decode(topic, message.data)
        try:
            target = recorded_target(decoded)
            names = names or target.joint_names
            row = target.row(names)
        except JointStateError as error:
            raise BagError(f"{bag.path}: {topic}: {error}") from error
        if len(names) != 7:
            raise BagError(f"{bag.path}: {topic}: expected 7 joints, got {', '.join(names) or 'none'}")
        stamp = to_ns(decoded.header.stamp)
        if not stamps or stamp > stamps[-1]:
            stamps.append(stamp)
            rows.append(row)
    seconds = (np.array(stamps, np.int64) - (stamps[0] if stamps else 0)) / NS_PER_S
    inside = (seconds >= begin_s) & (seconds <= (np.inf if end_s is None else end_s))
    if inside.sum() < 2:
        raise BagError(f"{bag.path}: {topic}: fewer than two targets to replay")
    return Track(seconds[inside] - seconds[inside][0], np.array(rows)[inside], names)


class Replay:
    """Ramp, then track, then still; the time begins with the first call."""

    def __init__(self, start: Float64[np.ndarray, 8], track: Track, speed: float = 1.0) -> None:
        self._ramp, self._track, self._speed = Ramp(start, track.first), track, speed
        self.duration_s = self._ramp.duration_s + track.duration_s / speed

    def at(self, seconds: float) -> ReplayTarget:
        """The target after ``seconds``."""
        if seconds < self._ramp.duration_s:
            return self._ramp.at(seconds)
        return self._track.at((seconds - self._ramp.duration_s) * self._speed, self._speed)
