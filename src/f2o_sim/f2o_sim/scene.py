"""One MJCF document: the robot, the cameras, the table, and what a task puts on it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from f2o_nodekit.robot import BASE

from f2o_sim.cameras import CAMERAS, CameraMount
from f2o_sim.robot import RobotFragments, load_robot

TIMESTEP_S = 0.001
MAX_WIDTH_PX, MAX_HEIGHT_PX = 1280, 720

_SETTINGS = f"""
<mujoco model="f2o">
  <compiler angle="radian" eulerseq="XYZ" autolimits="true" balanceinertia="true"/>
  <option timestep="{TIMESTEP_S}" integrator="implicitfast" cone="elliptic" impratio="10"/>
  <statistic center="0.4 0 0.3" extent="1"/>
  <visual>
    <global offwidth="{MAX_WIDTH_PX}" offheight="{MAX_HEIGHT_PX}"/>
    <map znear="0.01" zfar="6"/>
    <quality offsamples="0" shadowsize="0" numquads="1" numslices="24" numstacks="12"/>
    <headlight ambient="0.32 0.32 0.34" diffuse="0.25 0.25 0.25" specular="0 0 0"/>
  </visual>
  <asset/>
  <worldbody>
    <light pos="1.2 0.9 2.2" dir="-0.4 -0.4 -1" directional="true" castshadow="false" diffuse="0.55 0.53 0.50"/>
    <light pos="0.2 -1.2 1.8" dir="0.1 0.7 -1" directional="true" castshadow="false" diffuse="0.22 0.24 0.28"/>
  </worldbody>
  <actuator/>
  <equality/>
</mujoco>
"""

# The table's top is the plane z = 0 of the base frame. The rest is visual only; boxes, because MuJoCo draws a plane
# as thousands of tiles.
_FURNITURE = """
<furniture>
  <geom name="table" type="box" pos="0.42 0 -0.02" size="0.56 0.62 0.02" rgba="0.80 0.72 0.60 1"
        contype="2" conaffinity="3" friction="0.8 0.01 0.0001"/>
  <geom type="box" pos="0.42 0 -0.055" size="0.53 0.59 0.015" rgba="0.33 0.28 0.24 1" contype="0" conaffinity="0"/>
  <geom type="box" pos="-0.02 0.5 -0.40" size="0.03 0.03 0.33" rgba="0.33 0.28 0.24 1" contype="0" conaffinity="0"/>
  <geom type="box" pos="-0.02 -0.5 -0.40" size="0.03 0.03 0.33" rgba="0.33 0.28 0.24 1" contype="0" conaffinity="0"/>
  <geom type="box" pos="0.86 0.5 -0.40" size="0.03 0.03 0.33" rgba="0.33 0.28 0.24 1" contype="0" conaffinity="0"/>
  <geom type="box" pos="0.86 -0.5 -0.40" size="0.03 0.03 0.33" rgba="0.33 0.28 0.24 1" contype="0" conaffinity="0"/>
  <geom type="box" pos="0 0 -0.001" size="0.13 0.11 0.003" rgba="0.45 0.46 0.48 1" contype="0" conaffinity="0"/>
  <geom type="box" pos="1 0 -0.75" size="2.5 9 0.02" rgba="0.47 0.50 0.55 1" contype="0" conaffinity="0"/>
  <geom type="box" pos="-1.52 0 0.9" size="0.02 9 1.65" rgba="0.74 0.78 0.82 1" contype="0" conaffinity="0"/>
</furniture>
"""


def build_scene(
    objects: str, cameras: tuple[CameraMount, ...] = CAMERAS, robot: RobotFragments | None = None
) -> str:
    """The document as text.

    Args:
        objects: MJCF elements of the task's objects, children of the world.
        cameras: mounted on the robot's frames.
        robot: by default the Panda.
    """
    document = ET.fromstring(_SETTINGS)
    robot = robot or load_robot()
    for section, elements in (
        ("asset", robot.assets),
        ("actuator", robot.actuators),
        ("equality", robot.equalities),
    ):
        next(document.iter(section)).extend(elements)
    world = next(document.iter("worldbody"))
    world.extend(list(ET.fromstring(_FURNITURE)))
    world.extend(list(ET.fromstring(f"<objects>{objects}</objects>")))
    world.append(robot.body)
    bodies = {body.get("name"): body for body in robot.body.iter("body")} | {BASE: world}
    for mount in cameras:
        ET.SubElement(bodies[mount.parent], "camera", mount.mjcf())
    return ET.tostring(document, encoding="unicode")
