"""When an arm moves and when it rests: the one definition, for check, trim and the conversion to a data set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from f2o_bags.decode import Decoder
from f2o_bags.errors import BagError
from f2o_bags.read import Bag
from f2o_bags.targets import named_positions
from f2o_bags.topics import JOINT_COMMAND, JOINT_STATES


@dataclass(frozen=True)
class Stillness:
    """How far joints at rest may move away from where they came to rest."""

    joints_rad: float = 0.002  # measured angles of an arm that brakes vary by a quarter of this
    gripper_m: float = 0.001

    def moved(
        self, positions: Float64[np.ndarray, "t n"], rest: Float64[np.ndarray, " n"], names: tuple[str, ...]
    ) -> Bool[np.ndarray, " t"]:
        """Whether each row of ``positions`` is away from ``rest``."""
        fingers = np.array(["gripper" in name or "finger" in name for name in names])
        return np.any(np.abs(positions - rest) > np.where(fingers, self.gripper_m, self.joints_rad), axis=1)


AT_REST = Stillness()


@dataclass(frozen=True)
class Motion:
    """Positions on one topic over time: (T,) receptions [ROS ns], (T, N) joints [rad] and gripper [m]."""

    topic: str
    names: tuple[str, ...]
    times_ros_ns: Int64[np.ndarray, " t"]
    positions: Float64[np.ndarray, "t n"]

    def moving(self, still: Stillness = AT_REST) -> tuple[int, int] | None:
        """Times at which the first motion begins and the last one ends; None without motion."""
        left = np.flatnonzero(still.moved(self.positions, self.positions[0], self.names))
        not_arrived = np.flatnonzero(still.moved(self.positions, self.positions[-1], self.names))
        if not len(left) or not len(not_arrived):
            return None
        return int(self.times_ros_ns[left[0] - 1]), int(self.times_ros_ns[not_arrived[-1] + 1])

    def rests(self, still: Stillness = AT_REST) -> Iterator[tuple[int, int]]:
        """Times of the first and the last sample of every run that stays within ``still`` of its first sample."""
        begin, rows = 0, self.positions
        for row in range(1, len(rows) + 1):
            if row == len(rows) or still.moved(rows[row : row + 1], rows[begin], self.names)[0]:
                yield int(self.times_ros_ns[begin]), int(self.times_ros_ns[row - 1])
                begin = row


def positions_of(bag: Bag, topic: str) -> Motion | None:
    """Positions on ``topic`` (JointTarget or JointState) by times of reception; None without a usable message.

    Of messages with several sets of names, as where arm and fingers take turns, those with the most names count. One
    that cannot be decoded, or is not all numbers, is passed over.

    Raises:
        BagError: the topic's type is not described.
    """
    if topic not in bag.topics:
        return None
    decode = Decoder(bag)
    decode.learn([topic])
    found: dict[tuple[str, ...], list[tuple[int, Float64[np.ndarray, " n"]]]] = {}
    for message in bag.messages([topic]):
        with contextlib.suppress(BagError):
            names, values = named_positions(decode(topic, message.data))
            positions = np.array(values, np.float64)
            if len(positions) == len(names) and np.isfinite(positions).all():
                found.setdefault(names, []).append((message.log_ros_ns, positions))
    names = max(found, key=len, default=())
    if not names:
        return None
    times, rows = zip(*found[names], strict=True)
    return Motion(topic, names, np.array(times, np.int64), np.array(rows))


def arm_motion(bag: Bag) -> Motion | None:
    """Motion of the arm as commanded, or as measured in a bag without commands; None without either.

    Raises:
        BagError: a message cannot be decoded.
    """
    commands = positions_of(bag, JOINT_COMMAND)
    return commands if commands is not None else positions_of(bag, JOINT_STATES)


def motion_span(bag: Bag) -> tuple[int, int]:
    """Times [ROS ns] at which the arm's first motion begins and its last one ends.

    Raises:
        BagError: no commands and no joint states, or nothing moves.
    """
    if (found := arm_motion(bag)) is None:
        topics = f"{JOINT_COMMAND} or {JOINT_STATES}"
        raise BagError(f"{bag.path}: no message on {topics}: cannot tell when the arm moves")
    if (span := found.moving()) is None:
        raise BagError(f"{bag.path}: nothing moves on {found.topic}")
    return span
