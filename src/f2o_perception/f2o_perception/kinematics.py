"""Where the arm's links are: forward kinematics of a URDF by pinocchio."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pinocchio
from f2o_nodekit.robot import BASE, Robot, read_robot
from f2o_nodekit.urdf import RobotModelError, canonical_urdf
from jaxtyping import Float64

from f2o_perception.errors import KinematicsError


class ForwardKinematics:
    """Poses of the frames of one arm, by their canonical names; the fingers stay closed.

    Args:
        robot: the arm; the Panda if not given.

    Raises:
        KinematicsError: its description is missing, or is not one.
    """

    def __init__(self, robot: Robot | None = None) -> None:
        robot = robot or read_robot("panda")
        self._source = f"robot {robot.name}"
        full, names = _model(robot), robot.canonical_names
        locked = [full.getJointId(name) for name in full.names[1:] if name not in names]
        self._model = pinocchio.buildReducedModel(full, locked, pinocchio.neutral(full))
        self._data = self._model.createData()
        joints = [self._model.joints[self._model.getJointId(name)] for name in names]
        self._q_of = np.array([joint.idx_q for joint in joints])
        self._base = self.frame_id(BASE)
        self._ids: dict[str, int] = {}

    def frame_id(self, frame: str) -> int:
        """Pinocchio's index of a link or fixed frame.

        Raises:
            KinematicsError: the robot has no such frame.
        """
        if not self._model.existFrame(frame):
            links = [f.name for f in self._model.frames if f.type == pinocchio.FrameType.BODY]
            raise KinematicsError(
                f"{self._source}: no frame named {frame!r}, expected one of {', '.join(links)}"
            )
        return self._model.getFrameId(frame)

    def pose(self, frame: str, q: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "4 4"]:
        """Pose of ``frame`` in the arm's base, base <- frame, with the joints at ``q`` [rad, base to tip]."""
        if frame not in self._ids:
            self._ids[frame] = self.frame_id(frame)
        configuration = np.empty(self._model.nq)
        configuration[self._q_of] = q
        pinocchio.forwardKinematics(self._model, self._data, configuration)
        world_base = pinocchio.updateFramePlacement(self._model, self._data, self._base)
        world_frame = pinocchio.updateFramePlacement(self._model, self._data, self._ids[frame])
        return np.array(world_base.actInv(world_frame).homogeneous)


def _model(robot: Robot) -> pinocchio.Model:
    try:
        return pinocchio.buildModelFromXML(ET.tostring(canonical_urdf(robot), encoding="unicode"))
    except RobotModelError as error:
        raise KinematicsError(str(error)) from error
    except ValueError as error:
        raise KinematicsError(f"robot {robot.name}: its URDF cannot be used ({error})") from error
