"""Checks that arguments and configuration fit together, before anything starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.paths import find_config

SIMULATED = ("panda",)
DRIVEN = ("fr3", "fr3v2")
"""Arms that franka_ros2 drives; a Panda needs another driver (multipanda_ros2) and ``drivers:=false``."""


def mismatches(values: Mapping[str, Any], nodes: Collection[str]) -> list[str]:
    """One sentence per mismatch between the robot and the graph's arguments.

    Args:
        values: parsed arguments by name.
        nodes: names of the nodes that will run.
    """
    if "robot" not in values:
        return []
    robot, folder = str(values["robot"]), str(values["config"])
    file = find_config(f"robot_{robot}.yaml", folder)
    problems = []
    if not file and (
        known := known_robots(folder)
    ):  # nothing at all is installed: the nodes say so themselves
        problems.append(f"robot: expected {' or '.join(known)}, got {robot!r}")
    if values["sim"] and robot not in SIMULATED:
        problems.append(f"robot: the simulator has {' or '.join(SIMULATED)}, got {robot!r}")
    if not values["sim"] and values["drivers"] and robot not in DRIVEN:
        problems.append(
            f"robot: franka_bringup drives {' or '.join(DRIVEN)}, got {robot!r}; "
            "for another driver give drivers:=false"
        )
    if file and "perception_node" in nodes:
        problems += _other_joints(file, find_config("perception.yaml", folder))
    return problems


def known_robots(folder: str) -> list[str]:
    """Names of the robots that the configuration in ``folder``, else the installed one, describes."""
    path = find_config("robot_panda.yaml", folder)
    files = Path(path).parent.glob("robot_*.yaml") if path else []
    return sorted(file.stem.removeprefix("robot_") for file in files)


def _other_joints(robot_file: str, perception_file: str) -> list[str]:
    if not perception_file:
        return []
    wanted, found = (yaml.safe_load(Path(file).read_text()) for file in (robot_file, perception_file))
    names = [list((tree or {}).get("joint_names", ())) for tree in (wanted, found)]
    if names[0] == names[1] or not all(names):
        return []
    return [
        f"{perception_file}: joint_names: expected {names[0][0]} ... as in {Path(robot_file).name}, got "
        f"{names[1][0]} ...; give config:= a folder whose files describe this robot"
    ]
