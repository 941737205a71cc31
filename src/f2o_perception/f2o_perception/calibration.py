"""Where the cameras are: ``config/cameras.yaml``, one pose of the optical frame per camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from f2o_nodekit.config import load_config
from jaxtyping import Float64

from f2o_perception.errors import CalibrationError

UNIT_TOLERANCE = 1e-3  # a quaternion typed with four digits passes, a forgotten component does not


@dataclass(frozen=True)
class CameraMount:
    """Pose of a camera's optical frame (x right, y down, z forward) in ``parent``."""

    parent: str  # the base frame, or a link of the robot that carries the camera
    xyz: tuple[float, float, float]  # [m]
    quaternion: tuple[float, float, float, float]  # x, y, z, w

    def check(self) -> list[str]:
        """The quaternion must be one, the position a place in the room."""
        problems = []
        norm = float(np.linalg.norm(self.quaternion))
        if not abs(norm - 1.0) <= UNIT_TOLERANCE:
            problems.append(f"quaternion: expected x, y, z, w of length 1, got length {norm:.4g}")
        if not np.all(np.abs(self.xyz) < 100.0):
            problems.append(f"xyz: expected metres, got {list(self.xyz)}")
        return problems

    def matrix(self) -> Float64[np.ndarray, "4 4"]:
        """The pose as a homogeneous transform, parent <- optical."""
        pose = np.eye(4)
        pose[:3, :3] = rotation(self.quaternion)
        pose[:3, 3] = self.xyz
        return pose


@dataclass(frozen=True)
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
