"""Where the cameras are: ``config/cameras.yaml``, one pose of the optical frame per camera."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT, load_config
from f2o_nodekit.fields import must
from jaxtyping import Float64
from pydantic.dataclasses import dataclass

from f2o_perception.errors import CalibrationError

UNIT_TOLERANCE = 1e-3  # a quaternion typed with four digits passes, a forgotten component does not

Position = Annotated[
    tuple[float, float, float], must(lambda xyz: max(map(abs, xyz)) < 100, "metres, each below 100")
]
Quaternion = Annotated[
    tuple[float, float, float, float],
    must(lambda q: abs(float(np.linalg.norm(q)) - 1) <= UNIT_TOLERANCE, "x, y, z, w of length 1"),
]


@dataclass(frozen=True, config=STRICT)
class CameraMount:
    """Pose of a camera's optical frame (x right, y down, z forward) in ``parent``."""

    parent: str  # the base frame, or a link of the robot that carries the camera
    xyz: Position  # [m]
    quaternion: Quaternion  # x, y, z, w

    def matrix(self) -> Float64[np.ndarray, "4 4"]:
        """The pose as a homogeneous transform, parent <- optical."""
        pose = np.eye(4)
        pose[:3, :3] = rotation(self.quaternion)
        pose[:3, 3] = self.xyz
        return pose


@dataclass(frozen=True, config=STRICT)
class Calibration:
    """The mounts of all cameras by name."""

    cameras: dict[str, CameraMount]

    def mount(self, view: str) -> CameraMount:
        """The mount of ``view``.

        Raises:
            CalibrationError: ``view`` has none.
        """
        if view not in self.cameras:
            raise CalibrationError(
                f"calibration: no camera named {view!r}, expected one of {', '.join(self.cameras) or 'none'}"
            )
        return self.cameras[view]


def load_calibration(path: str | Path) -> Calibration:
    """Read and check a calibration file.

    Raises:
        ConfigError: the file cannot be read or a value is wrong; the text names every wrong key.
    """
    return load_config(Calibration, path)


def rotation(quaternion: tuple[float, float, float, float]) -> Float64[np.ndarray, "3 3"]:
    """Rotation matrix of the quaternion (x, y, z, w), normalised first."""
    x, y, z, w = np.asarray(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
