"""Geometry and streams that the tests can check by hand."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.robot import read_robot
from f2o_perception.calibration import Calibration, CameraMount
from f2o_perception.config import PerceptionConfig
from f2o_perception.frames import GripperSample, Intrinsics, JointSample, RgbdFrame
from f2o_perception.workspace import Workspace

MS = 1_000_000
PANDA = read_robot("panda")
PERIOD_NS = 33_333_333
HOME = np.array([0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785])
LENS = Intrinsics(fx=150.0, fy=150.0, cx=59.5, cy=44.5, width=120, height=90)
DOWN = (1.0, 0.0, 0.0, 0.0)  # optical z points at the floor, optical x along base x
VIEWS = ("wrist", "external_1", "external_2")
CALIBRATION = Calibration(
    {
        "wrist": CameraMount("hand", (0.0, 0.0, 0.05), (0.0, 0.0, 0.0, 1.0)),
        "external_1": CameraMount("link0", (0.5, -0.15, 0.8), DOWN),
        "external_2": CameraMount("link0", (0.6, 0.15, 0.9), DOWN),
    }
)


def plane_depth(lens: Intrinsics, pose: np.ndarray, height_m: float) -> np.ndarray:
    """Depth image [mm] of the horizontal plane at ``height_m`` seen from ``pose``; 0 where it is not seen."""
    u, v = np.meshgrid(np.arange(lens.width), np.arange(lens.height))
    rays = np.stack([(u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy, np.ones(u.shape)], axis=-1)
    with np.errstate(divide="ignore"):
        depth = (height_m - pose[2, 3]) / (rays @ pose[:3, :3].T)[..., 2] * 1000
    return np.where((depth > 0) & (depth < 65535), np.rint(depth), 0).astype(np.uint16)


def frame(view: str, stamp_ros_ns: int, depth_mm: int = 750, lens: Intrinsics = LENS) -> RgbdFrame:
    """A frame whose colour tells its stamp, so that a mix-up shows."""
    rgb = np.full((lens.height, lens.width, 3), stamp_ros_ns // MS % 251, np.uint8)
    return RgbdFrame(view, stamp_ros_ns, rgb, np.full((lens.height, lens.width), depth_mm, np.uint16), lens)


def joints(
    stamp_ros_ns: int, positions: np.ndarray = HOME, velocities: np.ndarray | None = None
) -> JointSample:
    """A joint state at rest."""
    return JointSample(
        stamp_ros_ns, PANDA.joint_names, positions, np.zeros(7) if velocities is None else velocities
    )


def gripper(stamp_ros_ns: int, width_m: float = 0.04) -> GripperSample:
    return GripperSample(stamp_ros_ns, width_m)


def config(**changes: object) -> PerceptionConfig:
    """Small, with the table in the cloud."""
    room = Workspace(z=(-0.025, 0.6))
    small = {"image_size": 16, "points": 256, "voxel_m": 0.01, "workspace": room, "joint_wait_s": 0.02}
    return PerceptionConfig(**small | changes)


class FakeClock:
    """A monotonic clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)
