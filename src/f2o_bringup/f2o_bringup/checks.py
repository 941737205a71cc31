"""Checks that robot, arguments and configuration fit together, before anything starts: every mismatch at once.

Other packages add their own by the entry point group ``f2o.checks``: a function of ``Launch`` that returns sentences.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.config import ConfigError
from f2o_nodekit.paths import find_config
from f2o_nodekit.robot import Robot, known_robots, read_robot
from f2o_nodekit.urdf import RobotModelError, canonical_urdf

GROUP = "f2o.checks"
SIMULATED_ADAPTERS = ("jtc", "udp", "null")
"""Which ones the simulator speaks, the first where nothing else is asked for."""


@dataclass(frozen=True)
class Launch:
    """What is about to be launched.

    Attributes:
        values: the arguments by name, parsed.
        nodes: names of the nodes that will run.
        robot: the arm.
        folder: of the configuration; "" for the installed one.
    """

    values: Mapping[str, Any]
    nodes: Collection[str]
    robot: Robot
    folder: str

    def configuration(self, name: str) -> tuple[Path, dict[str, Any]] | None:
        """Path and contents of a node's file; None where it cannot be read: its node says why."""
        if not (path := find_config(name, self.folder)):
            return None
        try:
            tree = yaml.safe_load(Path(path).read_text())
        except (OSError, ValueError, yaml.YAMLError):
            return None
        return (Path(path), tree) if isinstance(tree, dict) else None


def known_robot(values: Mapping[str, Any]) -> Robot | None:
    """The robot that the arguments name; None where there is none, or nothing is installed.

    Raises:
        ConfigError: its file is wrong.
    """
    if "robot" not in values or not known_robots(str(values["config"])):
        return None
    try:
        return read_robot(str(values["robot"]), str(values["config"]))
    except ConfigError as error:
        if error.source == "robot":  # no such file: ``mismatches`` says so, with everything else
            return None
        raise


def mismatches(values: Mapping[str, Any], nodes: Collection[str], robot: Robot | None) -> list[str]:
    """One sentence for each thing that does not fit.

    Args:
        values: parsed arguments by name.
        nodes: names of the nodes that will run.
        robot: what ``known_robot`` says.
    """
    if robot is None:
        known = known_robots(str(values["config"])) if "robot" in values else []
        return [f"robot: expected {' or '.join(known)}, got {values['robot']!r}"] if known else []
    launch = Launch(values, nodes, robot, str(values["config"]))
    problems = [*_robot_and_adapter(launch), *_cameras(launch), *_calibration(launch), *_names(launch)]
    for check in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        problems += check.load()(launch)
    return problems


def _robot_and_adapter(launch: Launch) -> Iterator[str]:
    robot, adapter = launch.robot, launch.values.get("adapter", "null")
    if launch.values["sim"]:
        if adapter not in SIMULATED_ADAPTERS:
            yield f"adapter: the simulator takes {' or '.join(SIMULATED_ADAPTERS)}, got {adapter!r}"
        return
    if adapter not in (*robot.adapters, "null"):
        yield f"adapter: {robot.name} takes {' or '.join(robot.adapters)}, got {adapter!r}"
    if launch.values.get("robot_driver", True) and robot.driver is None and adapter != "udp":
        yield (
            f"robot: no driver is known for {robot.name}; start its driver yourself and give robot_driver:=false, "
            f"or name one in its file"
        )


def _cameras(launch: Launch) -> Iterator[str]:
    """Whether there is a camera for every view."""
    given = str(launch.values.get("cameras", ""))
    if launch.values["sim"] or not launch.values.get("camera_driver") or not given:
        return
    names = [pair.split("=")[0] for pair in given.split(",")]
    for node in ("perception_node", "recorder_node"):
        if node not in launch.nodes or not (
            found := launch.configuration(f"{node.removesuffix('_node')}.yaml")
        ):
            continue
        key = "views" if node == "perception_node" else "cameras"
        missing = [view for view in found[1].get(key) or [] if view not in names]
        if missing:
            yield f"cameras: none is called {' or '.join(missing)}, which {found[0]} has among its {key}"


def _calibration(launch: Launch) -> Iterator[str]:
    """Whether every view has a pose in a frame that the robot has."""
    if "perception_node" not in launch.nodes or not (found := launch.configuration("perception.yaml")):
        return
    path = found[0].parent / str(found[1].get("calibration") or "cameras.yaml")
    try:
        poses = yaml.safe_load(path.read_text())["cameras"]
        views = {view: str(poses[view]["parent"]) for view in found[1].get("views") or [] if view in poses}
        missing = [view for view in found[1].get("views") or [] if view not in poses]
        frames = {link.get("name", "") for link in canonical_urdf(launch.robot).findall("link")}
    except RobotModelError as error:
        yield str(error)
        return
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return  # the node says what is wrong with the file
    if missing:
        yield f"calibration: {path} has no pose of {' or '.join(missing)}, which {found[0]} has among its views"
    for view, parent in views.items():
        if launch.robot.canonical_frame(parent) not in frames:
            yield (
                f"calibration: {path}: {view}: parent: {launch.robot.name} has no frame {parent!r}, "
                f"expected one of {', '.join(sorted(frames))}"
            )


def _names(launch: Launch) -> Iterator[str]:
    """Whether a name that belongs to the arm is written as one for all arms: two of them would share it."""
    if not launch.values.get("namespace"):
        return
    for name in sorted({f"{node.removesuffix('_node')}.yaml" for node in launch.nodes}):
        installed, found = replace(launch, folder="").configuration(name), launch.configuration(name)
        if not (installed and found):
            continue
        shared = sorted(f"/{topic}" for topic in _topics(installed[1]) if f"/{topic}" in _topics(found[1]))
        if shared:
            yield f"namespace: {found[0]}: topics: without their leading / expected {', '.join(shared)}"


def _topics(tree: Mapping[str, Any]) -> set[str]:
    """The names under ``topics``, whose values they are or, in recorder.yaml, whose keys."""
    topics = tree.get("topics")
    names = topics.items() if isinstance(topics, Mapping) else ()
    return {str(value) if isinstance(value, str) else str(key) for key, value in names}
