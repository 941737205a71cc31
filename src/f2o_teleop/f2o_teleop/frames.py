"""The frame in which the teleop device moves the tool: the base's, the tool's, or a camera's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from f2o_nodekit.errors import F2oError
from f2o_nodekit.robot import Robot
from f2o_perception.calibration import load_calibration
from jaxtyping import Float64

from f2o_teleop.errors import FrameError, RobotModelError
from f2o_teleop.ik import DifferentialIk, Joints

FRAMES = ("base", "tool", "camera")
Rotation = Float64[np.ndarray, "3 3"]  # base <- device
DeviceFrame = Callable[[Joints], Rotation]
# Forward, left and up of the device are depth, left and up in an image (optical frame: x right, y down, z ahead).
OPTICAL_FROM_DEVICE = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def base_frame(_: Joints) -> Rotation:
    """The device's x, y, z are those of the base."""
    return np.eye(3)


def device_frame(
    name: str, ik: DifferentialIk, calibration: Path, camera: str, robot: Robot | None = None
) -> DeviceFrame:
    """The rotation base <- device as a function of the joints, for one of ``FRAMES``.

    Args:
        name: base, tool (the TCP's axes) or camera (as things look in its image).
        ik: kinematics of the TCP and the links.
        calibration: cameras.yaml; read for ``camera`` only.
        camera: name of the camera.
        robot: whose names of frames the calibration may have beside the canonical ones.

    Raises:
        FrameError: no such calibration or camera, or its parent frame is not in the robot description.
    """
    if name == "base":
        return base_frame
    if name == "tool":
        return lambda q: ik.forward(q)[:3, :3].copy()
    try:
        mount = load_calibration(calibration).mount(camera)
        parent = robot.canonical_frame(mount.parent) if robot else mount.parent
        ik.frame_rotation(parent, ik.q)
    except (F2oError, RobotModelError) as error:
        raise FrameError(f"mapping.frame: camera: {error}") from error
    in_parent = mount.matrix()[:3, :3] @ OPTICAL_FROM_DEVICE
    return lambda q: ik.frame_rotation(parent, q) @ in_parent
