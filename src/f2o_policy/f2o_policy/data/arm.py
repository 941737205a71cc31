"""Which arm a data set is of: where its tool is at a few postures, since joints have the same names everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from f2o_nodekit.robot import Robot

from f2o_policy.kinematics import ArmChain

ToolPositions = tuple[tuple[float, float, float], ...]
SAME_TOOL_M = 0.002  # between two descriptions of one arm; the next best arm is centimetres away
POSTURES = (0.0, 0.3, -0.4, 0.7)
"""Angles [rad] from ``POSTURE``, for joint i times (-1)**i: each moves every joint."""
POSTURE = np.array([0.0, -0.7854, 0.0, -2.3562, 0.0, 1.5708, 0.7854])


def tool_positions(robot: Robot) -> ToolPositions | None:
    """Where the tool centre point [m] of an arm is at ``POSTURES``, in its base frame; None without seven joints.

    Raises:
        RobotModelError, ChainError: the arm's description is missing or is not one.
    """
    if len(robot.joint_names) != len(POSTURE):
        return None
    signs = (-1.0) ** np.arange(len(POSTURE))
    points = ArmChain(robot).poses(POSTURE + np.outer(POSTURES, signs))[:, :3, 3]
    return tuple((round(float(x), 5), round(float(y), 5), round(float(z), 5)) for x, y, z in points)


def tools_apart_m(one: Any, other: Any) -> float:
    """The largest distance [m] between two arms' ``ToolPositions``; 0 where one of them is not known."""
    if one is None or other is None:
        return 0.0
    return float(np.linalg.norm(np.subtract(one, other), axis=-1).max())
