"""The URDF of a robot with canonical names: the one its file gives, franka_description's, or the Panda of a wheel.

Franka's arms since the Panda have one kinematic chain (frankarobotics docs, control_parameters: one table of DH
parameters for FER and FR3; franka_description's kinematics.yaml of fer, fr3 and fr3v2 are equal), so that the Panda of
the wheel example-robot-data is exact for each of them where franka_description is not installed.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

from f2o_nodekit.errors import F2oError
from f2o_nodekit.paths import package_prefix
from f2o_nodekit.robot import Robot, read_robot

WHEEL, PACKAGE = "example-robot-data", "franka_description"
PANDA_URDF = "panda_description/urdf/panda.urdf"
WHEELS_ARM = "panda"
XACRO_TIMEOUT_S = 20.0


class RobotModelError(F2oError):
    """A robot's description is missing or is not one; the text says which file."""


def wheel_file(name: str) -> Path:
    """A file of the wheel example-robot-data by the end of its path.

    Raises:
        RobotModelError: the wheel is not installed, or has no such file.
    """
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise RobotModelError(
            f"robot description: expected the Python package {WHEEL}, or urdf: in the robot's file"
        ) from error
    for file in files:
        if str(file).endswith(name):
            return Path(str(file.locate())).resolve()
    raise RobotModelError(f"{WHEEL}: expected {name} in it, found none")


def canonical_urdf(robot: Robot) -> ET.Element:
    """The robot's URDF with canonical joints and frames; see ``f2o_nodekit.robot``.

    Raises:
        RobotModelError: there is none, it cannot be read, or it lacks a joint or frame that the robot's file names.
    """
    if robot.urdf:
        return renamed(_parse(Path(robot.urdf)), robot, robot.urdf)
    if robot.description and (xacro := described(robot.description)):
        return renamed(_expand(xacro), robot, str(xacro))
    return wheel_urdf()


def wheel_urdf() -> ET.Element:
    """The wheel's Panda with canonical names.

    Raises:
        RobotModelError: the wheel is not installed, or is another than expected.
    """
    path = wheel_file(PANDA_URDF)
    return renamed(_parse(path), read_robot(WHEELS_ARM), str(path))


def described(description: str) -> Path | None:
    """The xacro file of an arm in an installed franka_description; None where that is not installed."""
    path = package_prefix(PACKAGE) / "share" / PACKAGE / "robots" / description / f"{description}.urdf.xacro"
    return path if path.is_file() and shutil.which("xacro") else None


def renamed(urdf: ET.Element, robot: Robot, source: str) -> ET.Element:
    """``urdf``, changed in place to canonical names; ``source`` names it in errors.

    Raises:
        RobotModelError: it lacks a joint or frame that the robot's file names.
    """
    for what, tag, wanted in (
        ("joint", "joint", robot.joint_names),
        ("frame", "link", (robot.base_frame, robot.hand_frame, robot.tcp_frame)),
    ):
        have = [element.get("name", "") for element in urdf.findall(tag)]
        if missing := [name for name in wanted if name not in have]:
            raise RobotModelError(
                f"{source}: no {what} named {', '.join(missing)} as in the file of {robot.name}, "
                f"expected some of {', '.join(have) or 'none'}"
            )
    for link in urdf.findall("link"):
        link.set("name", robot.canonical_frame(link.get("name", "")))
    for joint in urdf.findall("joint"):
        joint.set("name", robot.canonical_joint(joint.get("name", "")))
        for end in [*joint.findall("parent"), *joint.findall("child")]:
            end.set("link", robot.canonical_frame(end.get("link", "")))
        for mimic in joint.findall("mimic"):
            mimic.set("joint", robot.canonical_joint(mimic.get("joint", "")))
    return urdf


def _parse(path: Path) -> ET.Element:
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RobotModelError(f"{path}: expected a URDF file ({reason})") from error
    return _robot_element(root, str(path))


def _robot_element(root: ET.Element, source: str) -> ET.Element:
    if root.tag != "robot":
        raise RobotModelError(f"{source}: expected a URDF file, got XML with the root <{root.tag}>")
    return root


def _expand(xacro: Path) -> ET.Element:
    command = ["xacro", str(xacro), "hand:=true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=XACRO_TIMEOUT_S, check=True)
        return _robot_element(ET.fromstring(done.stdout), str(xacro))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if line.startswith("error:")), lines[-1])
        raise RobotModelError(
            f"{xacro}: xacro cannot expand it ({reason.removeprefix('error: ')})"
        ) from error
    except (OSError, subprocess.TimeoutExpired, ET.ParseError) as error:
        raise RobotModelError(f"{xacro}: xacro cannot expand it ({error})") from error
