"""The controllers' parameters with a robot's own names, from a template with the canonical ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.config import read_yaml
from f2o_nodekit.robot import BASE, HAND, TCP, Robot

from f2o_bringup.generated import write_generated

TRAJECTORY, STATE = "joint_trajectory_controller", "franka_robot_state_broadcaster"
ROBOT_TYPE = "robot_type"


def controllers(template: Path, robot: Robot) -> dict[str, Any]:
    """The parameters of ``template`` for ``robot``.

    joint1 ..., link0, hand and hand_tcp become the driver's joints and frames; where the template leaves them out, the
    trajectory controller's gains are those of the robot's file, and the state broadcaster's robot_type is the driver's.

    Raises:
        ConfigError: the template is no such file.
    """
    names = dict(zip(robot.canonical_names, robot.joint_names, strict=True))
    names |= {BASE: robot.base_frame, HAND: robot.hand_frame, TCP: robot.tcp_frame}
    tree = _renamed(dict(read_yaml(template)), names)
    for node, entry in tree.items():
        parameters = entry.get("ros__parameters") if isinstance(entry, dict) else None
        if not isinstance(parameters, dict):
            continue
        if node.endswith(TRAJECTORY) and robot.gains is not None:
            parameters.setdefault("gains", _gains(robot))
        if node.endswith(STATE) and robot.driver and ROBOT_TYPE in robot.driver.arguments:
            parameters.setdefault(ROBOT_TYPE, robot.driver.arguments[ROBOT_TYPE])
    return tree


def render_controllers(template: str, robot: Robot) -> str:
    """Path of a file with ``controllers``.

    Raises:
        ConfigError: the template is no such file, or the file cannot be written.
    """
    tree = yaml.safe_dump(controllers(Path(template), robot), sort_keys=False)
    return write_generated(f"controllers_{robot.name}.yaml", f"# {template} for {robot.name}\n{tree}")


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _gains(robot: Robot) -> dict[str, dict[str, float]]:
    assert robot.gains is not None
    rows = zip(robot.joint_names, robot.gains.p, robot.gains.d, strict=True)
    return {name: {"p": p, "d": d, "i": 0.0, "i_clamp": 0.0} for name, p, d in rows}
