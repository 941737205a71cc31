"""The Panda of the example-robot-data wheel (official franka_description) as fragments of an MJCF scene.

The URDF has joints, limits, inertias, hulls and visuals; this file adds what MuJoCo needs besides: servo gains, finger
friction, gravity compensation (the real arm compensates its own weight), and which bodies may touch. MJCF is emitted as
text because that is the one interface that is the same in every MuJoCo from 3.3 to 4.0.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from f2o_nodekit.robot import BASE, Robot, canonical_names, read_robot
from f2o_nodekit.urdf import PANDA_URDF, WHEELS_ARM, renamed, wheel_file

from f2o_nodekit import urdf as description
from f2o_sim.errors import RobotModelError
from f2o_sim.meshes import load_visual

ARM_JOINTS = canonical_names(7)
FINGER_JOINTS = ("finger_joint1", "finger_joint2")
FINGER_BODIES = ("leftfinger", "rightfinger")
MAX_WIDTH = 0.08  # gripper opening [m]

# Joint servo: torque = stiffness * (q_ref + lead * dq_ref - q) - damping * dq. The lead of (damping + friction) /
# stiffness seconds keeps the damping from braking the reference motion: without it the arm lags by 0.1 s. Gains as in
# mujoco_menagerie, torque limits as the arm's.
STIFFNESS = (4500.0, 4500.0, 3500.0, 3500.0, 2000.0, 2000.0, 2000.0)  # [N m / rad]
DAMPING = tuple(k / 10 for k in STIFFNESS)  # [N m s / rad]
TORQUE_LIMIT = (87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0)  # [N m]
JOINT_FRICTION = 1.0  # viscous [N m s / rad]
ARMATURE = 0.1  # reflected rotor inertia [kg m^2]

FINGER_STIFFNESS = 2000.0  # [N / m]
FINGER_FORCE = 40.0  # [N]; the real hand holds with up to 70 N
FINGER_DAMPING = 40.0  # [N s / m]

# Collision classes: the robot touches objects, never itself (its own limits prevent most of that, and it saves time).
ROBOT_CONTACT = {"contype": "1", "conaffinity": "2"}


@dataclass(frozen=True)
class RobotFragments:
    """Elements to hang into an <mujoco> document."""

    assets: list[ET.Element]
    body: ET.Element
    actuators: list[ET.Element]
    equalities: list[ET.Element]


def load_robot(robot: Robot | None = None, urdf: Path | None = None) -> RobotFragments:
    """The arm with its hand, fixed to the world at its base; joints and bodies have canonical names.

    Args:
        robot: whose joints' ranges it has; the Panda if not given.
        urdf: with its meshes; the wheel's Panda if not given, which has the kinematics of every Franka since.

    Raises:
        RobotModelError: the description is missing, or lacks something that the simulator needs.
    """
    try:
        wheel = read_robot(WHEELS_ARM)
        path = urdf or wheel_file(PANDA_URDF)
        return _Builder(renamed(ET.parse(path).getroot(), wheel, str(path)), path, robot or wheel).build()
    except description.RobotModelError as error:
        raise RobotModelError(f"robot model: {error}") from error


class _Builder:
    """Walks the URDF tree once, from the base outwards."""

    def __init__(self, root: ET.Element, path: Path, robot: Robot) -> None:
        self._ranges = dict(
            zip(ARM_JOINTS, zip(robot.position_min, robot.position_max, strict=True), strict=True)
        )
        self._share = path.parents[
            3
        ].parent  # <share>/example-robot-data/robots/panda_description/urdf/panda.urdf
        if self._share.name == "example-robot-data":
            self._share = self._share.parent
        self._links = {link.get("name"): link for link in root.findall("link")}
        self._joints = {joint.get("name"): joint for joint in root.findall("joint")}
        missing = [name for name in (*ARM_JOINTS, *FINGER_JOINTS) if name not in self._joints]
        if missing:
            raise RobotModelError(f"robot model: {path} has no joint {', '.join(missing)}")
        self._children: dict[str, list[ET.Element]] = {}
        for joint in self._joints.values():
            self._children.setdefault(_attribute(joint, "parent", "link"), []).append(joint)
        self._assets: dict[str, ET.Element] = {}

    def build(self) -> RobotFragments:
        body = self._body(BASE, None)
        return RobotFragments(list(self._assets.values()), body, self._actuators(), [_mimic()])

    def _body(self, name: str, joint: ET.Element | None) -> ET.Element:
        body = ET.Element("body", {"name": name, "gravcomp": "1", **_pose(joint)})
        link = self._links[name]
        _add_inertial(body, link.find("inertial"))
        if joint is not None and joint.get("type") in ("revolute", "prismatic"):
            body.append(_joint(joint, self._ranges))
        self._add_visuals(body, link)
        self._add_hulls(body, link)
        for child in self._children.get(name, []):
            body.append(self._body(_attribute(child, "child", "link"), child))
        return body

    def _add_visuals(self, body: ET.Element, link: ET.Element) -> None:
        for visual in link.findall("visual"):
            for mesh in load_visual(self._file(visual)):
                if mesh.name not in self._assets:
                    vertices = " ".join(f"{x:.5g}" for x in mesh.vertices.ravel())
                    faces = " ".join(map(str, mesh.faces.ravel()))
                    self._assets[mesh.name] = ET.Element(
                        "mesh", name=mesh.name, inertia="shell", vertex=vertices, face=faces
                    )
                rgba = "{:.3f} {:.3f} {:.3f} 1".format(*mesh.rgb)
                visual_geom = {"type": "mesh", "mesh": mesh.name, "contype": "0", "conaffinity": "0"}
                ET.SubElement(body, "geom", visual_geom, group="2", mass="0", rgba=rgba, **_pose(visual))

    def _add_hulls(self, body: ET.Element, link: ET.Element) -> None:
        for collision in link.findall("collision"):
            if collision.find("geometry/box") is not None:
                half = " ".join(
                    str(float(side) / 2) for side in _attribute(collision, "geometry/box", "size").split()
                )
                shape = {"type": "box", "size": half, **_GRIP}
            else:
                file = self._file(collision)
                name = f"{file.stem}_hull"
                self._assets[name] = ET.Element("mesh", name=name, file=str(file), inertia="shell")
                shape = {"type": "mesh", "mesh": name}
            ET.SubElement(body, "geom", shape, group="3", mass="0", **ROBOT_CONTACT, **_pose(collision))

    def _file(self, element: ET.Element) -> Path:
        return self._share / _attribute(element, "geometry/mesh", "filename").removeprefix("package://")

    def _actuators(self) -> list[ET.Element]:
        actuators = []
        gains = zip(ARM_JOINTS, STIFFNESS, DAMPING, TORQUE_LIMIT, strict=True)
        for name, stiffness, damping, torque in gains:
            actuators.append(_servo(name, name, stiffness, damping, torque))
        actuators.append(_servo("gripper", FINGER_JOINTS[0], FINGER_STIFFNESS, 0.0, FINGER_FORCE))
        return actuators


# Rubber pads: high friction, torsional friction (condim 4) against the cube's swing about the pad normal.
_GRIP = {"friction": "1.5 0.02 0.0001", "condim": "4", "solref": "0.004 1", "priority": "1"}


def _attribute(element: ET.Element, path: str, key: str) -> str:
    """Attribute ``key`` of the element at ``path``.

    Raises:
        RobotModelError: the element or the attribute is missing.
    """
    found = element.find(path)
    if found is None or (text := found.get(key)) is None:
        name = element.get("name", "")
        raise RobotModelError(f"robot model: <{element.tag} name={name!r}> has no {key!r} in <{path}>")
    return text


def _pose(element: ET.Element | None) -> dict[str, str]:
    origin = element.find("origin") if element is not None else None
    if origin is None:
        return {}
    return {"pos": origin.get("xyz", "0 0 0"), "euler": origin.get("rpy", "0 0 0")}


def _add_inertial(body: ET.Element, inertial: ET.Element | None) -> None:
    if inertial is None or float(mass := _attribute(inertial, "mass", "value")) <= 0:
        return
    full = " ".join(
        _attribute(inertial, "inertia", key) for key in ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")
    )
    position = _pose(inertial).get("pos", "0 0 0")
    ET.SubElement(body, "inertial", pos=position, mass=mass, fullinertia=full)


def _joint(joint: ET.Element, ranges: dict[str, tuple[float, float]]) -> ET.Element:
    finger = joint.get("type") == "prismatic"
    given = tuple(float(_attribute(joint, "limit", end)) for end in ("lower", "upper"))
    low, high = ranges.get(joint.get("name", ""), given)
    return ET.Element(
        "joint",
        name=joint.get("name", ""),
        type="slide" if finger else "hinge",
        axis=_attribute(joint, "axis", "xyz"),
        range=f"{low} {high}",
        armature=str(ARMATURE),
        damping=str(FINGER_DAMPING if finger else JOINT_FRICTION),
    )


def _servo(name: str, joint: str, stiffness: float, damping: float, force: float) -> ET.Element:
    return ET.Element(
        "general",
        name=name,
        joint=joint,
        biastype="affine",
        gainprm=f"{stiffness}",
        biasprm=f"0 {-stiffness} {-damping}",
        forcerange=f"{-force} {force}",
    )


def _mimic() -> ET.Element:
    return ET.Element("joint", joint1=FINGER_JOINTS[1], joint2=FINGER_JOINTS[0], solref="0.005 1")
