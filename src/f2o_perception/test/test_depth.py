import math
import sys

import numpy as np
import pytest
from f2o_perception.calibration import CameraMount
from f2o_perception.config import PerceptionConfig
from f2o_perception.depth import CloudBuilder, Deprojector, DepthView, exactly
from f2o_perception.errors import BackendError
from f2o_perception.frames import Intrinsics
from f2o_perception.voxel import DenseGrid, Open3dVoxels
from f2o_perception.workspace import Workspace
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import DOWN, LENS, config, plane_depth

ROOM = Workspace((-5.0, 5.0), (-5.0, 5.0), (-1.0, 5.0))
BOX = Workspace((0.0, 0.2), (0.0, 0.2), (0.0, 0.2))


def pose(xyz=(0.5, 0.0, 0.8), quaternion=DOWN):
    return CameraMount("link0", xyz, quaternion).matrix()


@pytest.mark.parametrize("tilt", [0.0, 0.3, -0.4])
def test_a_plane_seen_by_a_tilted_camera_comes_back_at_its_height(tilt):
    turn = pose(quaternion=(math.sin(tilt / 2), 0.0, 0.0, math.cos(tilt / 2)))  # about the optical x axis
    camera = pose()
    camera[:3, :3] = camera[:3, :3] @ turn[:3, :3]
    points = Deprojector(LENS).points_in(ROOM, plane_depth(LENS, camera, 0.1), camera)
    assert points.shape == (3, LENS.width * LENS.height)
    assert np.abs(points[2] - 0.1).max() < 0.001  # half a millimetre of depth, and float32


def test_a_point_goes_through_the_lens_and_back():
    camera = pose((0.4, 0.1, 0.7))
    u, v, depth = 80, 20, 650
    image = np.zeros((LENS.height, LENS.width), np.uint16)
    image[v, u] = depth
    (point,) = Deprojector(LENS).points_in(ROOM, image, camera).T
    optical = np.array([(u - LENS.cx) / LENS.fx, (v - LENS.cy) / LENS.fy, 1.0]) * depth / 1000
    np.testing.assert_allclose(point, (camera @ [*optical, 1.0])[:3], atol=1e-6)
    # looking down with optical x along base x: right in the image is +x, down in the image is -y
    assert point[0] > 0.4
    assert point[1] > 0.1  # row 20 is above the centre
    assert point[2] == pytest.approx(0.05)


def test_a_moved_camera_moves_the_points_and_a_turned_one_turns_them():
    image = np.full((LENS.height, LENS.width), 500, np.uint16)
    eye = Deprojector(LENS)
    before = eye.points_in(ROOM, image, pose())
    moved = eye.points_in(ROOM, image, pose((0.6, 0.0, 0.8)))
    np.testing.assert_allclose(moved - before, [[0.1], [0], [0]] * np.ones_like(before), atol=1e-6)
    upward = eye.points_in(ROOM, image, pose(quaternion=(0.0, 0.0, 0.0, 1.0)))
    np.testing.assert_allclose(upward[2], 1.3, atol=1e-6)


def test_zero_depth_is_no_point_even_where_the_camera_is_in_the_box():
    camera = pose((0.1, 0.1, 0.1))
    points = Deprojector(LENS).points_in(BOX, np.zeros((LENS.height, LENS.width), np.uint16), camera)
    assert points.shape == (3, 0)


def test_stride_takes_every_second_pixel_of_the_same_geometry():
    camera = pose()
    image = plane_depth(LENS, camera, 0.0)
    full = Deprojector(LENS).points_in(ROOM, image, camera).reshape(3, LENS.height, LENS.width)
    half = Deprojector(LENS, 2).points_in(ROOM, image, camera)
    np.testing.assert_array_equal(half, full[:, ::2, ::2].reshape(3, -1))


@given(
    arrays(
        np.float32, st.tuples(st.just(3), st.integers(1, 200)), elements=st.floats(0, 0.19921875, width=32)
    )
)
def test_each_occupied_voxel_keeps_exactly_one_measured_point(points):
    kept = DenseGrid(BOX, 0.02)(points)
    scale = np.float32(1 / 0.02)
    occupied = {tuple(c) for c in (points * scale).astype(int).T}
    cells = [tuple(c) for c in (kept * scale).astype(int).T]
    assert len(cells) == len(set(cells))
    assert set(cells) == occupied
    assert {tuple(p) for p in kept.T} <= {tuple(p) for p in points.T}


def test_the_grid_forgets_the_cloud_before():
    grid = DenseGrid(BOX, 0.02)
    cloud = np.random.default_rng(0).uniform(0, 0.2, (3, 500)).astype(np.float32)
    first = grid(cloud)
    grid(cloud[:, ::-1].copy())
    np.testing.assert_array_equal(grid(cloud), first)


@given(st.integers(1, 9000), st.integers(1, 5000))
def test_exactly_n_points_evenly(available, count):
    points = np.zeros((3, available), np.float32)
    points[0] = np.arange(available)
    chosen = exactly(points, count)[:, 0]
    assert chosen.shape == (count,)
    times = np.bincount(chosen.astype(int), minlength=available)
    assert times.max() - times.min() <= 1  # none is favoured: all distinct, or all there equally often


@pytest.mark.parametrize("points", [100, 4096])
def test_views_become_one_cloud_of_exactly_n_points_in_the_workspace(points):
    cameras = [pose((0.5, -0.2, 0.9)), pose((0.6, 0.2, 1.0))]
    views = [DepthView(plane_depth(LENS, camera, 0.03), LENS, camera) for camera in cameras]
    settings = config(points=points)
    cloud = CloudBuilder(settings).build(views)
    assert cloud.points.shape == (points, 3)
    assert cloud.points.dtype == np.float32
    box = settings.workspace
    for axis, (low, high) in enumerate((box.x, box.y, box.z)):
        assert cloud.points[:, axis].min() >= low
        assert cloud.points[:, axis].max() < high
    assert np.abs(cloud.points[:, 2] - 0.03).max() < 0.002
    assert len(np.unique(cloud.points, axis=0)) == min(points, cloud.voxels)
    again = CloudBuilder(settings).build(views)
    assert again.points.tobytes() == cloud.points.tobytes()


def test_the_default_workspace_leaves_out_the_table_and_keeps_what_is_on_it():
    camera = pose((0.5, 0.0, 1.0))
    scene = plane_depth(LENS, camera, 0.0)
    scene[40:50, 55:65] = plane_depth(LENS, camera, 0.05)[40:50, 55:65]
    noise = np.random.default_rng(1).integers(-3, 4, scene.shape)
    cloud = CloudBuilder(PerceptionConfig()).build(
        [DepthView((scene + noise).astype(np.uint16), LENS, camera)]
    )
    assert cloud.points.shape == (4096, 3)
    assert cloud.voxels == pytest.approx(100, abs=20)
    assert cloud.points[:, 2].min() > 0.045


def test_nothing_in_the_workspace_is_said_not_hidden():
    camera = pose()
    empty = np.zeros((LENS.height, LENS.width), np.uint16)
    cloud = CloudBuilder(config()).build([DepthView(empty, LENS, camera)])
    assert cloud.voxels == 0
    assert not cloud.points.any()


def test_a_new_resolution_gets_new_rays():
    camera, builder = pose(), CloudBuilder(config())
    half = Intrinsics(LENS.fx / 2, LENS.fy / 2, 29.5, 22.0, 60, 45)
    for lens in (LENS, half, LENS):
        cloud = builder.build([DepthView(plane_depth(lens, camera, 0.05), lens, camera)])
        assert np.abs(cloud.points[:, 2] - 0.05).max() < 0.002


def test_open3d_missing_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(
        BackendError, match=r"voxel_backend: open3d cannot be imported .* use voxel_backend: numpy"
    ):
        CloudBuilder(config(voxel_backend="open3d"))


def test_open3d_agrees_with_numpy_on_the_voxels():
    pytest.importorskip("open3d", reason="open3d is not installed (it has no wheel for this machine)")
    cloud = np.random.default_rng(0).uniform(0, 0.2, (3, 5000)).astype(np.float32)
    means = Open3dVoxels(BOX, 0.02)(cloud)
    assert means.dtype == np.float32
    assert 0.5 < means.shape[1] / DenseGrid(BOX, 0.02)(cloud).shape[1] < 2
    np.testing.assert_array_equal(means, Open3dVoxels(BOX, 0.02)(cloud))
