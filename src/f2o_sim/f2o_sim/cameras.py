"""RGB-D cameras: where they are, what their lenses are, and one-pass rendering of colour and depth.

One pass, no shadows, no multisampling: 5 ms for three views of 240x180 on one CPU core, where the documented way
(two passes, shadows on) takes 900 ms.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from f2o_nodekit.robot import BASE, HAND
from f2o_perception.frames import Intrinsics
from jaxtyping import Float64, UInt8, UInt16

from f2o_sim.errors import UnknownCameraError
from f2o_sim.gl import OffscreenContext, open_context

DEPTH_MIN_M, DEPTH_MAX_M = 0.07, 4.0  # a D405's near limit; beyond either end the depth is 0 = invalid
MAX_GEOMS = 500
# ROS optical axes (x right, y down, z forward) in MuJoCo camera axes (x right, y up, z backward).
OPTICAL_IN_CAMERA = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class CameraMount:
    """A camera fixed to a frame of the robot."""

    name: str
    parent: str  # link0 or hand
    xyz: tuple[float, float, float]  # [m] in parent
    look_at: tuple[float, float, float]  # [m] in parent: the optical axis goes through it
    up: tuple[float, float, float]  # in parent: appears upward in the image
    fov_y_deg: float  # vertical field of view

    @property
    def rotation(self) -> Float64[np.ndarray, "3 3"]:
        """Columns: the optical frame's x (right), y (down) and z (forward) in parent."""
        forward = _unit(np.subtract(self.look_at, self.xyz))
        right = _unit(np.cross(forward, self.up))
        return np.column_stack([right, np.cross(forward, right), forward])

    @property
    def quaternion_xyzw(self) -> Float64[np.ndarray, " 4"]:
        """Orientation of the optical frame in parent."""
        return np.roll(_quaternion_wxyz(self.rotation), -1)

    def mjcf(self) -> dict[str, str]:
        """Attributes of MuJoCo's <camera>."""
        quaternion = _quaternion_wxyz(self.rotation @ OPTICAL_IN_CAMERA)
        return {
            "name": self.name,
            "pos": " ".join(map(str, self.xyz)),
            "quat": " ".join(f"{c:.9f}" for c in quaternion),
            "fovy": str(self.fov_y_deg),
        }

    def intrinsics(self, width: int, height: int) -> Intrinsics:
        """Pinhole lens with square pixels; pixel (0, 0) has its centre at (0, 0)."""
        focal = height / 2 / math.tan(math.radians(self.fov_y_deg) / 2)
        return Intrinsics(
            fx=focal, fy=focal, cx=(width - 1) / 2, cy=(height - 1) / 2, width=width, height=height
        )


CAMERAS = (
    CameraMount("wrist", HAND, (0.075, 0.0, 0.01), (0.075, 0.0, 0.15), (1.0, 0.0, 0.0), 76.0),
    CameraMount("external_1", BASE, (1.05, 0.45, 0.50), (0.46, 0.0, 0.17), (0.0, 0.0, 1.0), 42.0),
    CameraMount("external_2", BASE, (1.05, -0.45, 0.50), (0.46, 0.0, 0.17), (0.0, 0.0, 1.0), 42.0),
)


def camera(name: str) -> CameraMount:
    """The mount of that name.

    Raises:
        UnknownCameraError: there is none.
    """
    for mount in CAMERAS:
        if mount.name == name:
            return mount
    raise UnknownCameraError(name, [mount.name for mount in CAMERAS])


@dataclass(frozen=True)
class RgbdImage:
    """Registered colour and depth of one camera at one instant."""

    view: str
    rgb: UInt8[np.ndarray, "h w 3"]
    depth_mm: UInt16[np.ndarray, "h w"]  # along the optical axis; 0 = invalid


class OffscreenScene:
    """An off-screen buffer and the geometry drawn into it. Create, use and close it in one thread.

    Raises:
        GraphicsError: the machine cannot draw off screen.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int, max_geoms: int) -> None:
        context = open_context(width, height)
        self._model = model
        self.gl = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        # Freed at the latest before the interpreter ends: after that, freeing prints tracebacks.
        self.close = weakref.finalize(self, _free, self.gl, context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.gl)
        self.scene, self.camera = mujoco.MjvScene(model, maxgeom=max_geoms), mujoco.MjvCamera()
        self._option, self._perturb = mujoco.MjvOption(), mujoco.MjvPerturb()
        self.viewport = mujoco.MjrRect(0, 0, width, height)
        self.rgb = np.empty((height, width, 3), np.uint8)

    def update(self, data: mujoco.MjData) -> None:
        """Take the geometry at the poses in ``data``, whose kinematics must be up to date."""
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self._model, data, self._option, self._perturb, self.camera, everything, self.scene
        )


class Renderer:
    """Renders the fixed cameras of a model. Create, use and close it in one thread.

    Raises:
        GraphicsError: the machine cannot draw off screen.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        self._model = model
        self._offscreen = OffscreenScene(model, width, height, MAX_GEOMS)
        self._offscreen.camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._depth = np.empty((height, width), np.float32)
        near, far = (model.stat.extent * end for end in (model.vis.map.znear, model.vis.map.zfar))
        self._depth_scale, self._depth_slope = near * 1e3, 1.0 - near / far

    def render(self, data: mujoco.MjData, names: Sequence[str]) -> list[RgbdImage]:
        """Render the named cameras at the poses in ``data`` (whose kinematics must be up to date)."""
        return [self._render(data, name) for name in names]

    def _render(self, data: mujoco.MjData, name: str) -> RgbdImage:
        off = self._offscreen
        off.camera.fixedcamid = self._model.camera(name).id
        off.update(data)
        off.scene.flags[:] = 0  # no shadows, reflections, fog, skybox: the costly part ...
        off.scene.flags[mujoco.mjtRndFlag.mjRND_CULL_FACE.value] = 1  # ... nor back faces
        mujoco.mjr_render(off.viewport, off.scene, off.gl)
        mujoco.mjr_readPixels(off.rgb, self._depth, off.viewport, off.gl)
        return RgbdImage(name, off.rgb[::-1].copy(), self._depth_mm())

    def _depth_mm(self) -> UInt16[np.ndarray, "h w"]:
        """The window depth d in [0, 1] as distance along the optical axis, z = n / (1 - d (1 - n/f))."""
        depth = self._depth[::-1] * -self._depth_slope
        depth += 1.0
        np.divide(self._depth_scale, depth, out=depth)
        depth[(depth < DEPTH_MIN_M * 1e3) | (depth > DEPTH_MAX_M * 1e3)] = 0.0
        depth += 0.5
        return depth.astype(np.uint16)

    def close(self) -> None:
        """Free the GL context; call it in the thread that created the renderer."""
        self._offscreen.close()


def _free(gl: mujoco.MjrContext, context: OffscreenContext) -> None:
    """The order matters: MuJoCo's resources live in the context."""
    gl.free()
    context.free()


def _unit(vector: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, " 3"]:
    return vector / np.linalg.norm(vector)


def _quaternion_wxyz(rotation: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " 4"]:
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    return quaternion
