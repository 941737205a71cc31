"""A third-person view with shadows, antialiasing, polylines and a caption. Slow: for people, not for policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from f2o_sim.cameras import OffscreenScene
from jaxtyping import Float64, UInt8

MAX_GEOMS = 4000
SHADOW_PX, SHADOW_CLIP, SAMPLES = 2048, 2.0, 4
FAR = 12.0  # [m]: the walls are visible
LOOK_AT, DISTANCE_M, AZIMUTH_DEG, ELEVATION_DEG = (0.40, 0.0, 0.19), 1.25, 148.0, -29.0


@dataclass(frozen=True)
class Line:
    """A polyline in the scene."""

    points: Float64[np.ndarray, "n 3"]  # [m], base frame
    colour: tuple[int, int, int]  # 0..255
    width_m: float


class SceneRenderer:
    """Renders a model from a fixed third-person camera. Create, use and close it in one thread.

    Raises:
        GraphicsError: the machine cannot draw off screen.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        model.vis.quality.shadowsize, model.vis.quality.offsamples = SHADOW_PX, SAMPLES
        model.vis.map.shadowclip, model.vis.map.zfar = SHADOW_CLIP, FAR
        model.light_castshadow[:1] = 1
        self._offscreen = OffscreenScene(model, width, height, MAX_GEOMS)
        camera = self._offscreen.camera
        camera.lookat[:], camera.distance = LOOK_AT, DISTANCE_M
        camera.azimuth, camera.elevation = AZIMUTH_DEG, ELEVATION_DEG

    def render(
        self, data: mujoco.MjData, lines: Sequence[Line] = (), caption: str = ""
    ) -> UInt8[np.ndarray, "h w 3"]:
        """One image of ``data``, whose kinematics must be up to date."""
        off = self._offscreen
        off.update(data)
        for line in lines:
            self._add(line)
        mujoco.mjr_render(off.viewport, off.scene, off.gl)
        if caption:
            corner, font = mujoco.mjtGridPos.mjGRID_TOPLEFT, mujoco.mjtFont.mjFONT_NORMAL
            mujoco.mjr_overlay(font, corner, off.viewport, caption, "", off.gl)
        mujoco.mjr_readPixels(off.rgb, None, off.viewport, off.gl)
        return off.rgb[::-1].copy()

    def _add(self, line: Line) -> None:
        """Capsules from point to point, as far as the scene has room."""
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        rgba = np.append(np.divide(line.colour, 255.0), 1.0).astype(np.float32)
        scene = self._offscreen.scene
        for start, end in zip(line.points[:-1], line.points[1:], strict=True):
            if scene.ngeom == scene.maxgeom:
                return
            geom = scene.geoms[scene.ngeom]
            mujoco.mjv_initGeom(geom, capsule, np.zeros(3), np.zeros(3), np.eye(3).ravel(), rgba)
            mujoco.mjv_connector(geom, capsule, line.width_m, start, end)
            scene.ngeom += 1

    def close(self) -> None:
        """Free the GL context; call it in the thread that created the renderer."""
        self._offscreen.close()
