"""In whose axes a hand pushes: the base's, the tool's, or those of the camera that the person looks through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from f2o_nodekit.errors import F2oError
from f2o_perception.calibration import load_calibration
from jaxtyping import Float64

from f2o_teleop.errors import FrameError, RobotModelError
from f2o_teleop.ik import DifferentialIk, Joints

FRAMES = ("base", "tool", "camera")
Rotation = Float64[np.ndarray, "3 3"]  # base <- hand
HandFrame = Callable[[Joints], Rotation]
# What is forward, left and up for a hand is depth, left and up in a picture (optical frame: x right, y down, z ahead).
OPTICAL_FROM_HAND = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def base_frame(_: Joints) -> Rotation:
    """A hand's x, y, z are those of the base."""
    return np.eye(3)


def hand_frame(name: str, ik: DifferentialIk, calibration: Path, camera: str) -> HandFrame:
    """The rotation base <- hand at given joints, for one of ``FRAMES``.

    Args:
        name: base, tool (the TCP's axes) or camera (as things look in its picture).
        ik: knows where the TCP and the links are.
        calibration: cameras.yaml; read for ``camera`` alone.
        camera: which one.

    Raises:
        FrameError: no such calibration, camera, or frame that carries it.
    """
    if name == "base":
        return base_frame
    if name == "tool":
        return lambda q: ik.forward(q)[:3, :3].copy()
    try:
        mount = load_calibration(calibration).mount(camera)
        ik.frame_rotation(mount.parent, ik.q)
    except (F2oError, RobotModelError) as error:
        raise FrameError(f"mapping.frame: camera: {error}") from error
    in_parent = mount.matrix()[:3, :3] @ OPTICAL_FROM_HAND
    return lambda q: ik.frame_rotation(mount.parent, q) @ in_parent
