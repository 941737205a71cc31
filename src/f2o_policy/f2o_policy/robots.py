"""Whether a policy fits an arm: its joints, its kinematics, and the postures of its demonstrations.

Joints have the same canonical names in every data set and checkpoint, so names cannot tell arms apart. The place of the
tool can: a data set keeps its positions at a few postures, and a policy runs on every arm that has the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from f2o_nodekit.joints import GRIPPER_WIDTH
from f2o_nodekit.robot import Robot

from f2o_policy.data.arm import SAME_TOOL_M, ToolPositions, tool_positions, tools_apart_m
from f2o_policy.data.normalise import Normaliser
from f2o_policy.errors import MismatchError
from f2o_policy.spec import PolicySpec


def check_robot(spec: PolicySpec, source: str | Path, robot: Robot) -> None:
    """Check that the policy at ``source`` can drive ``robot``; raises as ``check_arm``."""
    check_arm(source, spec.action_names, spec.normaliser, spec.tool_m, robot)


def check_arm(
    source: str | Path,
    action_names: Sequence[str],
    normaliser: Normaliser,
    tool_m: ToolPositions | None,
    robot: Robot,
) -> None:
    """Check that a policy can drive ``robot``.

    Args:
        source: where the policy comes from, for the text.
        action_names: canonical names of its actions.
        normaliser: with the ranges of its demonstrations.
        tool_m: see ``tool_positions``; None where the data do not say.
        robot: the arm.

    Raises:
        MismatchError: it has other joints, was trained on other kinematics, or on postures that the robot cannot take.
    """
    expected = (*robot.canonical_names, GRIPPER_WIDTH)
    if tuple(action_names) != expected:
        raise MismatchError(
            f"{source}: drives {', '.join(action_names)}; {robot.name} has {', '.join(expected)}"
        )
    away = tools_apart_m(tool_m, None if tool_m is None else tool_positions(robot))
    if away > SAME_TOOL_M:
        raise MismatchError(
            f"{source}: was trained on an arm whose tool is up to {1e3 * away:.0f} mm away from where "
            f"{robot.name}'s is with the same joints, expected at most {1e3 * SAME_TOOL_M:.0f} mm"
        )
    count = len(robot.joint_names)
    ranges = normaliser.action if len(normaliser.action.low) == len(expected) else normaliser.proprio
    low, high = np.array(ranges.low[:count]), np.array(ranges.high[:count])
    beyond = np.maximum(np.array(robot.position_min) - low, high - np.array(robot.position_max))
    worst = int(beyond.argmax())
    if beyond[worst] > 0:
        raise MismatchError(
            f"{source}: its demonstrations have {robot.canonical_names[worst]} from {low[worst]:.2f} to "
            f"{high[worst]:.2f} rad; {robot.name}'s goes from {robot.position_min[worst]:.2f} to "
            f"{robot.position_max[worst]:.2f} rad"
        )
