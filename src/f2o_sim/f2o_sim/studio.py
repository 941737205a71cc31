"""Pretty pictures: a third person's view with shadows, smooth edges, lines and a caption. Slow; not for policies."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float64, UInt8

from f2o_sim.cameras import free
from f2o_sim.gl import open_context

MAX_GEOMS = 4000
SHADOW_PX, SHADOW_CLIP, SAMPLES = 2048, 2.0, 4
FAR = 12.0  # [m]: the walls are in the picture
LOOK_AT, DISTANCE_M, AZIMUTH_DEG, ELEVATION_DEG = (0.40, 0.0, 0.19), 1.25, 148.0, -29.0


@dataclass(frozen=True)
class Line:
    """A polyline in the scene."""

    points: Float64[np.ndarray, "n 3"]  # [m], base frame
    colour: tuple[int, int, int]  # 0..255
    width_m: float


class Studio:
    """Draws a model from a fixed third-person camera. Make it, use it and close it in one thread.

    Raises:
        GraphicsError: the machine cannot draw off screen.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        model.vis.quality.shadowsize, model.vis.quality.offsamples = SHADOW_PX, SAMPLES
        model.vis.map.shadowclip, model.vis.map.zfar = SHADOW_CLIP, FAR
        model.light_castshadow[:1] = 1
        context = open_context(width, height)
        self._model = model
        self._gl = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        self._free = weakref.finalize(self, free, self._gl, context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._gl)
        self._scene = mujoco.MjvScene(model, maxgeom=MAX_GEOMS)
        self._option, self._perturb, self._view = mujoco.MjvOption(), mujoco.MjvPerturb(), mujoco.MjvCamera()
        self._view.lookat[:], self._view.distance = LOOK_AT, DISTANCE_M
        self._view.azimuth, self._view.elevation = AZIMUTH_DEG, ELEVATION_DEG
        self._port = mujoco.MjrRect(0, 0, width, height)
        self._rgb = np.empty((height, width, 3), np.uint8)

    def draw(
        self, data: mujoco.MjData, lines: Sequence[Line] = (), caption: str = ""
    ) -> UInt8[np.ndarray, "h w 3"]:
        """One picture of ``data``, whose kinematics must be up to date."""
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self._model, data, self._option, self._perturb, self._view, everything, self._scene
        )
        for line in lines:
            self._add(line)
        mujoco.mjr_render(self._port, self._scene, self._gl)
        if caption:
            corner, font = mujoco.mjtGridPos.mjGRID_TOPLEFT, mujoco.mjtFont.mjFONT_NORMAL
            mujoco.mjr_overlay(font, corner, self._port, caption, "", self._gl)
        mujoco.mjr_readPixels(self._rgb, None, self._port, self._gl)
        return self._rgb[::-1].copy()

    def _add(self, line: Line) -> None:
        """Capsules from point to point, as far as the scene has room."""
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        rgba = np.append(np.divide(line.colour, 255.0), 1.0).astype(np.float32)
        for start, end in zip(line.points[:-1], line.points[1:], strict=True):
            if self._scene.ngeom == self._scene.maxgeom:
                return
            geom = self._scene.geoms[self._scene.ngeom]
            mujoco.mjv_initGeom(geom, capsule, np.zeros(3), np.zeros(3), np.eye(3).ravel(), rgba)
            mujoco.mjv_connector(geom, capsule, line.width_m, start, end)
            self._scene.ngeom += 1

    def close(self) -> None:
        """Free the GL context; call it in the thread that made the studio."""
        self._free()
