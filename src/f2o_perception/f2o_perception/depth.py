"""Depth images to one cloud of exactly N points in the base frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt16

from f2o_perception.config import PerceptionConfig
from f2o_perception.frames import Intrinsics
from f2o_perception.voxel import BACKENDS
from f2o_perception.workspace import Workspace

M_PER_MM = np.float32(0.001)


@dataclass(frozen=True)
class Cloud:
    """Exactly N points, of which at most ``voxels`` differ; all zero where nothing was measured in the box."""

    points: Float32[np.ndarray, "p 3"]  # base frame [m]
    voxels: int  # occupied voxels before the cut or repetition to N


@dataclass(frozen=True)
class DepthView:
    """A depth image and where it was taken from."""

    depth_mm: UInt16[np.ndarray, "h w"]
    intrinsics: Intrinsics
    pose: Float64[np.ndarray, "4 4"]  # base <- optical


class Deprojector:
    """The pixel rays of one camera: ``point = z ((u - cx) / fx, (v - cy) / fy, 1)``, z along the optical axis.

    Products are written out row by row instead of as a matrix product: a BLAS may order its sums by the number of
    threads it finds, and equal frames must give equal bits.
    """

    def __init__(self, intrinsics: Intrinsics, stride: int = 1) -> None:
        columns = np.arange(0, intrinsics.width, stride)
        rows = np.arange(0, intrinsics.height, stride)
        u, v = np.meshgrid(columns, rows)
        self._stride = stride
        self._x = ((u - intrinsics.cx) / intrinsics.fx).astype(np.float32).ravel()
        self._y = ((v - intrinsics.cy) / intrinsics.fy).astype(np.float32).ravel()
        self._pose = np.full((4, 4), np.nan)
        self._rays: list[np.ndarray] = []

    def points_in(
        self, box: Workspace, depth_mm: UInt16[np.ndarray, "h w"], pose: Float64[np.ndarray, "4 4"]
    ) -> Float32[np.ndarray, "3 n"]:
        """The measured points that lie in ``box``, in the base frame [m], in the order of the pixels."""
        z = depth_mm[:: self._stride, :: self._stride].ravel() * M_PER_MM
        inside = z > 0
        axes = []
        for ray, origin, bounds in zip(self._rays_at(pose), pose[:3, 3], (box.x, box.y, box.z), strict=True):
            axis = z * ray
            axis += np.float32(origin)
            inside &= axis >= np.float32(bounds[0])
            inside &= axis < np.float32(bounds[1])
            axes.append(axis)
        chosen = np.flatnonzero(inside)
        return np.stack([axis.take(chosen) for axis in axes])

    def _rays_at(self, pose: Float64[np.ndarray, "4 4"]) -> list[np.ndarray]:
        """The rays rotated into the base frame, one array per axis; kept while the camera does not rotate."""
        if not np.array_equal(pose[:3, :3], self._pose[:3, :3]):
            rotation = pose[:3, :3].astype(np.float32)
            self._rays = [row[0] * self._x + row[1] * self._y + row[2] for row in rotation]
            self._pose = pose
        return self._rays


class CloudBuilder:
    """Views to cloud: deproject, crop to the workspace, one point per voxel, exactly N points."""

    def __init__(self, config: PerceptionConfig) -> None:
        self._box, self._stride, self._count = config.workspace, config.pixel_stride, config.points
        self._voxel_filter = BACKENDS[config.voxel_backend](config.workspace, config.voxel_m)
        self._deprojectors: dict[int, tuple[Intrinsics, Deprojector]] = {}

    def build(self, views: Sequence[DepthView]) -> Cloud:
        """The cloud of ``views``, always given in the same order."""
        parts = [
            self._deprojector(slot, view.intrinsics).points_in(self._box, view.depth_mm, view.pose)
            for slot, view in enumerate(views)
        ]
        points = np.concatenate(parts, axis=1)
        if points.shape[1] == 0:
            return Cloud(np.zeros((self._count, 3), np.float32), 0)
        kept = self._voxel_filter(points)
        return Cloud(exactly(kept, self._count), kept.shape[1])

    def _deprojector(self, slot: int, intrinsics: Intrinsics) -> Deprojector:
        """The rays of the camera in ``slot``, made anew when its intrinsics change."""
        known = self._deprojectors.get(slot)
        if known is None or known[0] != intrinsics:
            known = self._deprojectors[slot] = (intrinsics, Deprojector(intrinsics, self._stride))
        return known[1]


def exactly(points: Float32[np.ndarray, "3 m"], count: int) -> Float32[np.ndarray, "{count} 3"]:
    """``count`` of the m points at an even stride, index ``floor(i m / count)``: fewer than ``count`` repeat evenly."""
    chosen = np.arange(count) * points.shape[1] // count
    return np.ascontiguousarray(points[:, chosen].T)
