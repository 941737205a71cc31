"""Poses, Jacobian and weight of the arm, from the model that libfranka gets, too."""

from __future__ import annotations

import numpy as np
import pinocchio
from f2o_control.limits import Joints
from jaxtyping import Float64

from f2o_sim.control_unit.end_effector import HAND_CENTER, HAND_INERTIA, HAND_MASS, Pose

FLANGE, LAST_JOINT = "link8", "joint7"
GRAVITY = 9.81  # m/s2
SINGULAR = 0.02  # the smallest singular value of a Jacobian from which a force is told


class Kinematics:
    """Of an arm with a Franka Hand, fixed to a level table.

    Args:
        urdf: text of the model (model.robot_model).
    """

    def __init__(self, urdf: str) -> None:
        self._model = pinocchio.buildModelFromXML(urdf)
        last, flange = self._model.getJointId(LAST_JOINT), self._model.getFrameId(FLANGE)
        at = self._model.frames[flange].placement
        hand = pinocchio.Inertia(HAND_MASS, HAND_CENTER, HAND_INERTIA)
        self._model.appendBodyToJoint(last, hand, at)
        self._data, self._flange = self._model.createData(), flange

    def flange(self, q: Joints) -> Pose:
        """Pose of the flange in the base's frame, joints at ``q`` [rad]."""
        pinocchio.forwardKinematics(self._model, self._data, q)
        return np.array(pinocchio.updateFramePlacement(self._model, self._data, self._flange).homogeneous)

    def jacobian(self, q: Joints, point: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "6 7"]:
        """Velocity and turning of ``point`` (of the flange, in its frame [m]) in the base's frame, a joint's rad/s."""
        aligned = pinocchio.ReferenceFrame.LOCAL_WORLD_ALIGNED
        whole = np.array(pinocchio.computeFrameJacobian(self._model, self._data, q, self._flange, aligned))
        arm = np.array(self._data.oMf[self._flange].rotation) @ point
        x, y, z = arm.tolist()
        whole[:3] += np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]]) @ whole[3:]  # turning x arm
        return whole

    def weight(self, q: Joints) -> Joints:
        """Torques that hold up arm and hand [N m]."""
        return np.array(pinocchio.computeGeneralizedGravity(self._model, self._data, q))


def force(torques: Joints, jacobian: Float64[np.ndarray, "6 7"]) -> Float64[np.ndarray, " 6"]:
    """The force and torque [N, N m] at the Jacobian's point that ``torques`` [N m] exert; zeros near a singularity."""
    gram = jacobian @ jacobian.T
    if np.linalg.eigvalsh(gram)[0] < SINGULAR**2:
        return np.zeros(6)
    return np.linalg.solve(gram, jacobian @ torques)
