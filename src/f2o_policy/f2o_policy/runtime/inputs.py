"""Joint states of arm and gripper to the policy's joint vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from f2o_nodekit.joints import read_gripper_width, read_joint_state
from f2o_nodekit.robot import Robot
from f2o_nodekit.stamps import to_ns

from f2o_policy.runtime.policy import Joints


class JointInput:
    """Merges the joint states of arm and gripper, each from its own topic, into joints and width.

    The gripper is measured at about 15 Hz; its last width is held until the next.

    Args:
        robot: whose names the messages have; the policy's columns are its joints, then ``gripper_width``.
    """

    def __init__(self, robot: Robot) -> None:
        self._arm, self._fingers = robot.joint_names, robot.finger_joint_names
        self._width: float | None = None

    def gripper(self, msg: Any) -> None:
        """Process a sensor_msgs/JointState of the gripper's topic.

        Raises:
            JointStateError: it lacks a usable position of a finger; the known width is kept.
        """
        self._width = read_gripper_width(msg, self._fingers)

    def arm(self, msg: Any) -> Joints | None:
        """The joint vector of a sensor_msgs/JointState of the arm; None before the first width.

        Raises:
            JointStateError: it lacks a usable position of a joint.
        """
        positions = read_joint_state(msg, self._arm).positions
        if self._width is None:
            return None
        return Joints(to_ns(msg.header.stamp), np.append(positions, self._width))
