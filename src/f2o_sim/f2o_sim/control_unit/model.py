"""The robot model that a control unit hands to libfranka: a URDF with canonical names."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from f2o_control.robot import RobotDescription
from f2o_nodekit.urdf import wheel_urdf


def robot_model(robot: RobotDescription) -> str:
    """URDF text of the arm without its hand: links link0 ... link8, joints joint1 ... joint8.

    Kinematics and inertias are the Panda's (the Research 3 has the same kinematic parameters); limits are ``robot``'s.
    libfranka wants ``position_based_velocity_limits`` in each joint: where the robot has no such curve, one that is
    the plain velocity limit everywhere.

    Raises:
        RobotModelError: the package with the Panda's URDF is not installed.
    """
    given = wheel_urdf()
    model = ET.Element("robot", name=robot.name)
    for index in range(9):
        link = ET.SubElement(model, "link", name=f"link{index}")
        source = given.find(f"link[@name='link{index}']")
        if source is not None and (inertial := source.find("inertial")) is not None:
            link.append(inertial)
    for index in range(1, 9):
        joint = given.find(f"joint[@name='joint{index}']")
        assert joint is not None  # the wheel's
        model.append(_joint(joint, index, robot))
    return ET.tostring(model, encoding="unicode")


def _joint(source: ET.Element, index: int, robot: RobotDescription) -> ET.Element:
    joint = ET.Element("joint", name=f"joint{index}", type=source.get("type", ""))
    ET.SubElement(joint, "parent", link=f"link{index - 1}")
    ET.SubElement(joint, "child", link=f"link{index}")
    joint.extend(element for tag in ("origin", "axis") if (element := source.find(tag)) is not None)
    if index > 7:
        return joint
    limits, curve = index - 1, robot.velocity_curve
    lower = curve.lower[limits] if curve else robot.position_min[limits]
    upper = curve.upper[limits] if curve else robot.position_max[limits]
    velocity = f"{robot.velocity[limits]}"
    source_limit = source.find("limit")
    effort = source_limit.get("effort", "87") if source_limit is not None else "87"
    ET.SubElement(joint, "limit", lower=f"{lower}", upper=f"{upper}", velocity=velocity, effort=effort)
    ET.SubElement(
        joint,
        "position_based_velocity_limits",
        velocity_offset=f"{curve.offset[limits] if curve else 0.0}",
        deceleration_limit=f"{curve.gain[limits] / 2 if curve else 1e6}",  # libfranka: v = sqrt(2 limit x) - offset
    )
    return joint
