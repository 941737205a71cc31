"""Voxel filters: one point per voxel, by one of several backends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from f2o_perception.errors import BackendError
from f2o_perception.workspace import Workspace

Soa = Float32[np.ndarray, "3 _"]  # x, y and z of so many points, one row each
VoxelFilter = Callable[[Soa], Soa]


class DenseGrid:
    """Keeps one measured point of each voxel, with an index array the size of the box.

    Each point writes its number into its voxel; the ones that read their own number back are kept. Nothing is
    averaged, sorted or cleared, hence the speed: the points kept are those written last, in the order they came.
    """

    def __init__(self, box: Workspace, voxel_m: float) -> None:
        lower = np.array([box.x[0], box.y[0], box.z[0]])
        upper = np.array([box.x[1], box.y[1], box.z[1]])
        self._lower = lower.astype(np.float32)
        self._scale = np.float32(1.0 / voxel_m)
        self._shape = np.maximum(np.ceil((upper - lower) / voxel_m - 1e-6), 1).astype(np.int32)
        self._owner = np.zeros(int(np.prod(self._shape)), np.int32)

    def __call__(self, points: Soa) -> Soa:
        """The kept points of ``points``, all of which must lie in the box."""
        numbers = np.arange(points.shape[1], dtype=np.int32)
        cells = self._axis(points, 0)
        for axis in (1, 2):
            cells *= self._shape[axis]
            cells += self._axis(points, axis)
        self._owner[cells] = numbers
        return points[:, self._owner[cells] == numbers]

    def _axis(self, points: Soa, axis: int) -> np.ndarray:
        index = ((points[axis] - self._lower[axis]) * self._scale).astype(np.int32)
        return np.clip(index, 0, self._shape[axis] - 1, out=index)


class Open3dVoxels:
    """The mean of each voxel by open3d, sorted so that equal clouds give equal arrays.

    Raises:
        BackendError: open3d is not installed.
    """

    def __init__(self, box: Workspace, voxel_m: float) -> None:
        try:
            import open3d  # late: it takes a second and most machines do not have it
        except ImportError as error:
            raise BackendError(
                f"voxel_backend: open3d cannot be imported ({error}); install it or use voxel_backend: numpy"
            ) from error
        self._open3d, self._voxel_m = open3d, voxel_m
        self._lower = np.array([[box.x[0]], [box.y[0]], [box.z[0]]])

    def __call__(self, points: Soa) -> Soa:
        """The voxel means of ``points``."""
        vectors = self._open3d.utility.Vector3dVector(points.T.astype(np.float64))
        thin = self._open3d.geometry.PointCloud(vectors).voxel_down_sample(self._voxel_m)
        means = np.asarray(thin.points)
        return np.ascontiguousarray(means[np.lexsort(means.T)].T, dtype=np.float32)


BACKENDS: dict[str, Callable[[Workspace, float], VoxelFilter]] = {"numpy": DenseGrid, "open3d": Open3dVoxels}
