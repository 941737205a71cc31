"""Joint and gripper states to the policy's joint vector, by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from f2o_policy.runtime.policy import Joints


class JointReader:
    """Merges arm and gripper joint states into (q, width); the order of a message's joints does not matter.

    The gripper's width is the sum of its fingers' positions (franka_gripper publishes width / 2 for each); it
    comes at 15 Hz and its last value is used until the next.

    Args:
        action_names: the policy's columns: arm joints, then ``gripper_width``.
    """

    def __init__(self, action_names: Sequence[str]) -> None:
        self._arm = tuple(action_names[:-1])
        self._width: float | None = None

    def read(self, stamp_ros_ns: int, names: Sequence[str], positions: Sequence[float]) -> Joints | None:
        """The joint vector if this message completes one: an arm state while the gripper's width is known.

        None of a message with fewer positions than names (the positions of a JointState may be left out) or with one
        that is not finite.
        """
        if len(positions) < len(names):
            return None
        index = {name: i for i, name in enumerate(names)}
        fingers = [i for name, i in index.items() if "finger_joint" in name]
        if fingers:
            self._width = float(sum(positions[i] for i in fingers))
        if self._width is None or not all(name in index for name in self._arm):
            return None
        values = np.array([positions[index[name]] for name in self._arm] + [self._width])
        return Joints(stamp_ros_ns, values) if np.isfinite(values).all() else None
