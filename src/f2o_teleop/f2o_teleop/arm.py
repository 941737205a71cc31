"""The pinocchio model of an arm: its URDF with canonical names, reduced to the arm's joints."""

import xml.etree.ElementTree as ET

import pinocchio as pin
from f2o_nodekit.errors import F2oError
from f2o_nodekit.robot import Robot
from f2o_nodekit.urdf import canonical_urdf

from f2o_teleop.errors import RobotModelError


def arm_model(robot: Robot) -> pin.Model:
    """The model of the arm alone: every joint that is not the arm's is locked at zero.

    Raises:
        RobotModelError: its description is missing, is no URDF, or has the joints in another order than its file.
    """
    try:
        text = ET.tostring(canonical_urdf(robot), encoding="unicode")
        full = pin.buildModelFromXML(text)
    except (F2oError, ValueError, RuntimeError) as error:
        raise RobotModelError(f"robot {robot.name}: {error}") from None
    joints = list(robot.canonical_names)
    locked = [full.getJointId(name) for name in list(full.names)[1:] if name not in joints]
    model = pin.buildReducedModel(full, locked, pin.neutral(full))
    if (order := list(model.names)[1:]) != joints:
        raise RobotModelError(
            f"robot {robot.name}: its URDF has the joints in the order {', '.join(order)} of its file's, "
            "expected them base to tip"
        )
    return model
