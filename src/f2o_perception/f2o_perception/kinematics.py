"""Where the arm's links are: forward kinematics of a URDF by pinocchio."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pinocchio
from jaxtyping import Float64

from f2o_perception.config import PANDA_JOINTS
from f2o_perception.errors import KinematicsError

PANDA_URDF = "panda_description/urdf/panda.urdf"


class ForwardKinematics:
    """Poses of the frames of one arm; every joint that is not in ``joint_names`` stays at 0 (fingers closed).

    Raises:
        KinematicsError: no such file, not a URDF, or a joint or frame that it does not have.
    """

    def __init__(
        self,
        urdf_path: str | Path | None = None,
        joint_names: Sequence[str] = PANDA_JOINTS,
        base_frame: str = "panda_link0",
    ) -> None:
        self._source = str(urdf_path or panda_urdf_path())
        full = _read(self._source)
        missing = [name for name in joint_names if not full.existJointName(name)]
        if missing:
            raise KinematicsError(
                f"{self._source}: no joint named {', '.join(missing)}, expected some of {', '.join(full.names[1:])}"
            )
        locked = [full.getJointId(name) for name in full.names[1:] if name not in joint_names]
        self._model = pinocchio.buildReducedModel(full, locked, pinocchio.neutral(full))
        self._data = self._model.createData()
        joints = [self._model.joints[self._model.getJointId(name)] for name in joint_names]
        self._q_of = np.array([joint.idx_q for joint in joints])
        self._base = self.frame_id(base_frame)
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
        """Pose of ``frame`` in the base frame, base <- frame, with the joints at ``q`` [rad, ``joint_names`` order]."""
        if frame not in self._ids:
            self._ids[frame] = self.frame_id(frame)
        configuration = np.empty(self._model.nq)
        configuration[self._q_of] = q
        pinocchio.forwardKinematics(self._model, self._data, configuration)
        world_base = pinocchio.updateFramePlacement(self._model, self._data, self._base)
        world_frame = pinocchio.updateFramePlacement(self._model, self._data, self._ids[frame])
        return np.array(world_base.actInv(world_frame).homogeneous)


def panda_urdf_path() -> Path:
    """The Panda's URDF inside the installed example-robot-data wheel.

    Raises:
        KinematicsError: the wheel is not installed or has no Panda.
    """
    try:
        files = importlib.metadata.files("example-robot-data") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise KinematicsError(
            "no robot description: expected the Python package example-robot-data, or urdf: in perception.yaml"
        ) from error
    for file in files:
        if str(file).endswith(PANDA_URDF):
            return Path(str(file.locate())).resolve()
    raise KinematicsError(f"example-robot-data: expected {PANDA_URDF} in it, found none")


def _read(path: str) -> pinocchio.Model:
    if not Path(path).is_file():
        raise KinematicsError(f"{path}: expected a URDF file, found none")
    try:
        return pinocchio.buildModelFromUrdf(path)
    except ValueError as error:
        raise KinematicsError(f"{path}: expected a URDF file, got something else ({error})") from error
