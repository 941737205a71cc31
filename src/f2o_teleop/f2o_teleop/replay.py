"""Replay of an episode by the arm: a ramp to its start, then its recorded targets. The node is ``replay_node``.

What was commanded is replayed, in its own time and through the same limits as everything else. Replaying measured
states at the rate of the cameras is jerky and inaccurate (droid#24, fairo#1411).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from f2o_bags.decode import Decoder
from f2o_bags.errors import BagError, PlayError
from f2o_bags.read import Bag
from f2o_bags.targets import recorded_target
from f2o_bags.topics import JOINT_COMMAND
from f2o_nodekit.joints import JointStateError
from f2o_nodekit.minimum_jerk import duration_s, minimum_jerk
from f2o_nodekit.pace import Pace
from f2o_nodekit.robot import canonical_names
from f2o_nodekit.stamps import NS_PER_S, to_ns
from jaxtyping import Float64
from tqdm import tqdm

MODE = "replay"  # of the bridge
RATE_HZ = 125.0
AT_REST_S = 0.5  # how long the last target is repeated, so that the arm comes to rest there
RAMP_RAD_S = 0.4  # peak speed of the fastest joint on the ramp to the start
SHORTEST_RAMP_S = 1.0


@dataclass(frozen=True)
class ReplayTarget:
    """The target at one moment."""

    positions: Float64[np.ndarray, 8]  # joints [rad], gripper [m]
    velocities: Float64[np.ndarray, 8]  # [rad/s], [m/s]


class Trajectory:
    """Positions over time, linear in between.

    Attributes:
        names: of the joints, canonical.
    """

    def __init__(
        self,
        seconds: Float64[np.ndarray, " t"],
        positions: Float64[np.ndarray, "t 8"],
        names: tuple[str, ...] = canonical_names(7),
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
        """First position."""
        return self._positions[0]

    def at(self, seconds: float, speed: float = 1.0) -> ReplayTarget:
        """The target after ``seconds`` of the recording, played ``speed`` times as fast; at rest before and after."""
        after = int(np.clip(np.searchsorted(self._seconds, seconds, "right"), 1, len(self._seconds) - 1))
        begin, end = self._seconds[after - 1], self._seconds[after]
        slope = (self._positions[after] - self._positions[after - 1]) / (end - begin)
        if not 0.0 <= seconds < self.duration_s:
            return ReplayTarget(self._positions[0 if seconds < 0 else -1].copy(), np.zeros(8))
        return ReplayTarget(self._positions[after - 1] + slope * (seconds - begin), slope * speed)


class Ramp:
    """Minimum-jerk motion from where the arm is to where the recording begins, no joint faster than ``rad_s``."""

    def __init__(
        self, start: Float64[np.ndarray, 8], goal: Float64[np.ndarray, 8], rad_s: float = RAMP_RAD_S
    ) -> None:
        self._start, self._distance = start, goal - start
        self.duration_s = duration_s(float(np.abs(self._distance[:-1]).max()), rad_s, SHORTEST_RAMP_S)

    def at(self, seconds: float) -> ReplayTarget:
        """The target after ``seconds``."""
        share, rate = minimum_jerk(seconds / self.duration_s)
        return ReplayTarget(self._start + share * self._distance, rate / self.duration_s * self._distance)


def load_trajectory(
    bag: Bag, topic: str = JOINT_COMMAND, begin_s: float = 0.0, end_s: float | None = None
) -> Trajectory:
    """The targets on ``topic`` (JointTarget) from ``begin_s`` to ``end_s`` after the first, by their headers' stamps.

    Raises:
        BagError: no such topic, messages that are not targets of seven joints, or fewer than two targets.
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
    return Trajectory(seconds[inside] - seconds[inside][0], np.array(rows)[inside], names)


class Replay:
    """The ramp, then the trajectory, then rest."""

    def __init__(self, start: Float64[np.ndarray, 8], trajectory: Trajectory, speed: float = 1.0) -> None:
        self._ramp, self._trajectory, self._speed = Ramp(start, trajectory.first), trajectory, speed
        self.duration_s = self._ramp.duration_s + trajectory.duration_s / speed

    def at(self, seconds: float) -> ReplayTarget:
        """The target after ``seconds``."""
        if seconds < self._ramp.duration_s:
            return self._ramp.at(seconds)
        return self._trajectory.at((seconds - self._ramp.duration_s) * self._speed, self._speed)


@dataclass(frozen=True)
class ReplayResult:
    """Result of a replay."""

    seconds: float
    worst_rad: float  # largest difference of target and measured joints
    complete: bool  # not ended by a signal


@runtime_checkable
class BridgeClient(Protocol):
    """Bridge and arm as a replay needs them.

    Attributes:
        mode: of the bridge, as last received.
        joint_states: the topic on which the arm is measured.
    """

    mode: str
    joint_states: str

    def receive(self) -> None:
        """Take in the messages that have arrived."""

    def measured(self) -> np.ndarray | None:
        """Measured joints [rad] and gripper [m], (8,); None before the first joint state."""

    def request(self, verb: str) -> str:
        """Request the bridge to arm or disarm; returns why it refuses, or ''."""

    def send(self, target: ReplayTarget) -> None:
        """Publish one target, due now."""


def wait_for_bridge(node: BridgeClient, arm: bool, wait_s: float, ended: threading.Event) -> bool:
    """Send the arm's own position until the bridge is in mode replay; False when ended first.

    Raises:
        PlayError: no joint states, or the bridge is not in that mode, within ``wait_s``.
    """
    pace, deadline, refused, requested = Pace(1 / RATE_HZ), time.monotonic() + wait_s, "", 0.0
    while not ended.is_set() and (node.mode != MODE or node.measured() is None):
        pace.wait()
        node.receive()
        measured, now = node.measured(), time.monotonic()
        if measured is not None:
            node.send(ReplayTarget(measured, np.zeros(8)))
            if arm and now - requested > 1.0:
                refused, requested = node.request("arm"), now
        if now > deadline:
            raise PlayError(_reason(node, refused))
    return not ended.is_set()


def _reason(node: BridgeClient, refused: str) -> str:
    if node.measured() is None:
        return (
            f"replay: no joint states on {node.joint_states}: is the arm's driver or the simulator running?"
        )
    refusal = f"; arming was refused: {refused}" if refused else ""
    return f"replay: the bridge is {node.mode or 'silent'}, expected replay (f2o-launch replay, then arm){refusal}"


def run_replay(
    node: BridgeClient, replay: Replay, ended: threading.Event, progress: bool = False
) -> ReplayResult:
    """Send the replay's targets until it is over.

    Raises:
        PlayError: the bridge left mode replay.
    """
    pace, begin, worst = Pace(1 / RATE_HZ, phase_s=0.0), time.monotonic(), 0.0
    total = round(replay.duration_s + AT_REST_S, 2)
    with tqdm(
        total=total, unit="s", disable=not progress, bar_format="{l_bar}{bar}| {n:.1f}/{total:.1f} s"
    ) as bar:
        while not ended.is_set() and (now := time.monotonic() - begin) < total:
            pace.wait()
            node.receive()
            if node.mode != MODE:
                raise PlayError(
                    f"replay: ended after {now:.1f} of {total:.1f} s: the bridge went to {node.mode}"
                )
            target = replay.at(now)
            node.send(target)
            if (measured := node.measured()) is not None:
                worst = max(worst, float(np.abs(target.positions[:7] - measured[:7]).max()))
            bar.update(round(now, 2) - bar.n)
    return ReplayResult(time.monotonic() - begin, worst, not ended.is_set())
