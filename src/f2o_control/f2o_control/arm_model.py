"""The arm's kinematics and the bodies of its links and tool, for pinocchio.

From the description of the example-robot-data wheel. It is the Panda's; a Research 3 has the same kinematic parameters
(frankarobotics docs, control_parameters, Denavit-Hartenberg tables) and links of nearly the same shape, so it serves
for both, joint by joint.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import coal
import numpy as np
import pinocchio
from f2o_nodekit.robot import TCP
from f2o_nodekit.urdf import RobotModelError, wheel_file

from f2o_control.errors import KinematicsError
from f2o_control.robot import Shape

FILES = "panda_description/urdf/panda_collision.urdf", "panda_description/srdf/panda.srdf"
PREFIX = "panda_"  # of the names in these files
TOOL, HAND = f"{PREFIX}{TCP}", f"{PREFIX}hand"
ELBOW = slice(4, 8)  # joints from the elbow on, in pinocchio's count


@cache
def arm_model() -> tuple[pinocchio.Model, pinocchio.GeometryModel]:
    """The arm with its fingers closed, and a capsule for each link; to be read only.

    The URDF describes a link as a cylinder between two spheres, which lie at its ends and have its radius.

    Raises:
        KinematicsError: the description is not installed.
    """
    urdf = description_files()[0]
    full = pinocchio.buildModelFromUrdf(str(urdf))
    shapes = pinocchio.buildGeomFromUrdf(
        full, str(urdf), pinocchio.GeometryType.COLLISION, package_dirs=[str(urdf.parents[4])]
    )
    fingers = [full.getJointId(name) for name in full.names[1:] if "finger" in name]
    arm, links = pinocchio.buildReducedModel(full, shapes, fingers, pinocchio.neutral(full))
    capsules = pinocchio.GeometryModel()
    for link in links.geometryObjects:
        solid = link.geometry
        if isinstance(solid, coal.Cylinder) and "finger" not in link.name:
            capsule = coal.Capsule(solid.radius, 2 * solid.halfLength)
            capsules.addGeometryObject(
                pinocchio.GeometryObject(
                    link.name, link.parentJoint, link.parentFrame, link.placement, capsule
                )
            )
    return arm, capsules


def description_files() -> list[Path]:
    """URDF and SRDF of the arm.

    Raises:
        KinematicsError: they are not installed.
    """
    try:
        return [wheel_file(name) for name in FILES]
    except RobotModelError as error:
        raise KinematicsError(f"no model of the arm: {error}") from error


def body(shape: Shape, joint: int, frame: pinocchio.SE3) -> pinocchio.GeometryObject:
    """``shape`` as it moves with ``joint`` (0: not at all); its numbers are in ``frame``, which is in the joint's."""
    solid = coal.Box(*shape.box) if shape.box else coal.Cylinder(*(shape.cylinder or ()))
    placement = frame * pinocchio.SE3(pinocchio.rpy.rpyToMatrix(*shape.rpy), np.array(shape.at))
    return pinocchio.GeometryObject(shape.name, joint, 0, placement, solid)
