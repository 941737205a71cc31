"""Joints of JointState and JointTarget messages by name, and the gripper's width. Imports no ROS.

Reads messages of rclpy (``array.array`` fields) and of a bag reader (numpy fields).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from f2o_nodekit.errors import F2oError

GRIPPER_WIDTH = "gripper_width"
"""Name of the gripper's opening [m] beside the names of joints, in actions and in recordings."""
Numbers = Sequence[float] | np.ndarray


class JointStateError(F2oError):
    """A message without one usable value for each joint that is wanted; the text says which and why."""


@dataclass(frozen=True)
class JointValues:
    """Joints in the order that was asked for, shapes (n,), float64."""

    positions: np.ndarray  # [rad], of a finger [m]; finite
    velocities: np.ndarray  # [rad/s], of a finger [m/s]; NaN where the message gives none


def read_joint_state(msg: Any, names: Sequence[str]) -> JointValues:
    """The joints ``names`` of a sensor_msgs/JointState, in any order and among others.

    Raises:
        JointStateError: see ``joint_values``.
    """
    return joint_values(msg.name, msg.position, msg.velocity, names)


def read_joint_target(msg: Any, names: Sequence[str]) -> JointValues:
    """The joints ``names`` of an f2o_msgs/JointTarget; its gripper width is a field of its own.

    Raises:
        JointStateError: see ``joint_values``.
    """
    return joint_values(msg.joint_names, msg.joint_positions, msg.joint_velocities, names)


def read_gripper_width(msg: Any, finger_names: Sequence[str]) -> float:
    """The gripper's opening [m] of a JointState on the gripper's topic: the sum of its fingers' positions.

    Each finger of a Franka Hand reports half the width.

    Raises:
        JointStateError: see ``joint_values``.
    """
    return float(read_joint_state(msg, finger_names).positions.sum())


def joint_values(
    have: Sequence[str], positions: Numbers, velocities: Numbers, wanted: Sequence[str]
) -> JointValues:
    """Values of the joints ``wanted`` out of arrays in the order of ``have``; ``velocities`` may be empty.

    NaN velocities, which drivers publish for joints whose velocity they do not measure, are kept.

    Raises:
        JointStateError: a wanted joint is missing or named twice, its position or velocity is no number, or an array
            does not match its names.
    """
    if len(positions) != len(have) or len(velocities) not in (0, len(have)):
        raise JointStateError(
            f"expected {len(have)} positions for {len(have)} names and as many velocities or none, "
            f"got {len(positions)} and {len(velocities)}"
        )
    order = joint_order(have, wanted)
    found = np.array(positions, np.float64)[order]
    rates = np.array(velocities, np.float64)[order] if len(velocities) else np.full(len(order), np.nan)
    for what, bad in (("position", ~np.isfinite(found)), ("velocity", np.isinf(rates))):
        if bad.any():
            raise JointStateError(f"{what} of {wanted[int(bad.argmax())]} is not finite")
    return JointValues(found, rates)


def joint_order(have: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """The index of each joint of ``wanted`` in ``have``.

    Raises:
        JointStateError: one of them is missing or named twice.
    """
    return list(_order(tuple(have), tuple(wanted)))


@lru_cache(maxsize=64)
def _order(have: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[int, ...]:
    count = Counter(have)
    if missing := [name for name in wanted if name not in count]:
        raise JointStateError(
            f"no position for {', '.join(missing)}, only for {', '.join(have) or 'nothing'}"
        )
    if repeated := [name for name in wanted if count[name] > 1]:
        raise JointStateError(f"{', '.join(repeated)} named more than once")
    return tuple(have.index(name) for name in wanted)
