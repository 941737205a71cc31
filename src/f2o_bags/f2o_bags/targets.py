"""Joint targets and commands of a bag, recorded as JointTarget or, in older bags, as JointState."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from f2o_nodekit.joints import GRIPPER_WIDTH, joint_values
from f2o_nodekit.robot import canonical
from jaxtyping import Float64


@dataclass(frozen=True)
class RecordedTarget:
    """A target of arm and gripper, and its source."""

    joint_names: tuple[str, ...]  # canonical where they are a Franka arm's
    positions: Float64[np.ndarray, " n"]  # [rad] in the order of the names
    gripper_width: float  # [m]
    source: str

    def row(self, joint_names: tuple[str, ...]) -> Float64[np.ndarray, " m"]:
        """Positions [rad] of ``joint_names``, then the gripper's width [m].

        Raises:
            JointStateError: one of them is missing.
        """
        found = joint_values(self.joint_names, self.positions, (), joint_names)
        return np.append(found.positions, self.gripper_width)


def recorded_target(msg: Any) -> RecordedTarget:
    """The target in an f2o_msgs/JointTarget, or in a sensor_msgs/JointState.

    Older bags have a JointState with ``gripper_width`` [m] among its names and the source as its frame_id.

    Raises:
        JointStateError: a value is NaN or infinite, or a JointState has no ``gripper_width``.
    """
    names, positions = named_positions(msg)
    joints = tuple(name for name in names if name != GRIPPER_WIDTH)
    values = joint_values(names, positions, (), (*joints, GRIPPER_WIDTH)).positions
    source = msg.source if hasattr(msg, "source") else msg.header.frame_id
    return RecordedTarget(canonical(joints), values[:-1], float(values[-1]), str(source))


def named_positions(msg: Any) -> tuple[tuple[str, ...], Sequence[float] | np.ndarray]:
    """Names and positions of a JointState, or of a JointTarget with ``gripper_width`` as its last joint."""
    if hasattr(msg, "joint_names"):
        return (*msg.joint_names, GRIPPER_WIDTH), [*msg.joint_positions, msg.gripper_width]
    return tuple(msg.name), msg.position
