import importlib

import numpy as np
import pytest
from f2o_nodekit.paths import SOURCE_CONFIG
from f2o_perception.calibration import load_calibration
from f2o_sim.cameras import CAMERAS, DEPTH_MAX_M, Renderer, camera
from f2o_sim.errors import GraphicsError, UnknownCameraError
from f2o_sim.session import calibration
from f2o_sim.tasks.reach_around import CUBE, POST
from f2o_teleop.ik import DifferentialIk

from f2o_sim import gl

WIDTH, HEIGHT = 240, 180
NAMES = [mount.name for mount in CAMERAS]


@pytest.fixture(scope="module")
def images(world):
    world.reset(0)
    renderer = Renderer(world.model, WIDTH, HEIGHT)
    yield {image.view: image for image in renderer.render(world.data, NAMES)}
    renderer.close()


def optical_to_base(world, mount):
    body = world.data.body(mount.parent)
    rotation, position = body.xmat.reshape(3, 3), body.xpos
    return rotation @ mount.rotation, position + rotation @ np.array(mount.xyz)


def cloud(world, image):
    """Every pixel in the base frame, shape (h, w, 3); the calibration and the lens are what perception gets."""
    mount = camera(image.view)
    lens = mount.intrinsics(WIDTH, HEIGHT)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    z = image.depth_mm / 1000.0
    points = np.stack([(u - lens.cx) / lens.fx * z, (v - lens.cy) / lens.fy * z, z], axis=-1)
    rotation, position = optical_to_base(world, mount)
    return points @ rotation.T + position


@pytest.mark.parametrize("view", NAMES)
def test_the_table_is_flat_and_at_height_zero_in_the_depth_image(world, images, view):
    image = images[view]
    points = cloud(world, image)
    rgb = image.rgb.astype(int)
    wood = (rgb[..., 0] - rgb[..., 2] > 25) & (rgb[..., 0] - rgb[..., 1] < 40) & (image.depth_mm > 0)
    assert wood.sum() > 5000
    heights = points[wood][:, 2]
    assert abs(np.median(heights)) < 0.001
    assert np.percentile(np.abs(heights), 95) < 0.002


# At the start the cube lies beyond the wrist camera's image; the next test goes and looks.
@pytest.mark.parametrize(
    ("name", "channel", "view"),
    [*((POST, 2, view) for view in NAMES), *((CUBE, 0, v) for v in NAMES if v != "wrist")],
)
def test_an_object_is_seen_where_it_is(world, images, name, channel, view):
    check_seen(world, images[view], name, channel)


def test_the_wrist_camera_sees_the_cube_where_it_is_once_it_is_over_it(world):
    world.reset(0)
    home = world.joint_positions()
    ik = DifferentialIk(home=tuple(home))
    ik.reset(home)
    goal = ik.forward(home).copy()
    goal[:3, 3] = world.object_pose(CUBE)[:3] + np.array([-0.08, 0.0, 0.25])
    for _ in range(400):
        q = ik.step_pose(goal)
    world.place_arm(q, 0.08)
    renderer = Renderer(world.model, WIDTH, HEIGHT)
    try:
        check_seen(world, renderer.render(world.data, ["wrist"])[0], CUBE, 0)
    finally:
        renderer.close()
        world.reset(0)  # the other tests' images show it


def check_seen(world, image, name, channel):
    """The object's colour is in the image, and its points lie where the object is."""
    rgb = image.rgb.astype(int)
    mine = rgb[..., channel] > 2 * np.maximum(rgb[..., (channel + 1) % 3], rgb[..., (channel + 2) % 3])
    assert mine.sum() > 100
    seen = np.median(cloud(world, image)[mine], axis=0)
    assert np.linalg.norm(seen[:2] - world.object_pose(name)[:2]) < 0.03


def test_depth_beyond_reach_is_zero(images):
    for image in images.values():
        assert image.depth_mm.max() <= DEPTH_MAX_M * 1000
        assert image.depth_mm.dtype == np.uint16


def test_images_do_not_share_memory_with_the_renderer(world):
    renderer = Renderer(world.model, WIDTH, HEIGHT)
    try:
        first, second = (renderer.render(world.data, [name])[0] for name in NAMES[:2])
        assert not np.shares_memory(first.rgb, second.rgb)
        assert not np.array_equal(first.rgb, second.rgb)
    finally:
        renderer.close()


def test_the_shipped_calibration_is_the_simulators():
    shipped, own = load_calibration(SOURCE_CONFIG / "cameras.yaml"), calibration()
    for name in NAMES:
        assert shipped.mount(name).parent == own.mount(name).parent
        np.testing.assert_allclose(shipped.mount(name).matrix(), own.mount(name).matrix(), atol=1e-6)


def test_unknown_camera_names_the_known_ones():
    with pytest.raises(
        UnknownCameraError, match="unknown camera 'top', expected one of wrist, external_1, external_2"
    ):
        camera("top")


def test_no_gl_library_is_one_sentence_that_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setattr(gl.ctypes.util, "find_library", lambda name: None)
    with pytest.raises(GraphicsError) as caught:
        gl.open_context(64, 64)
    assert str(caught.value) == (
        "cameras: cannot open an off-screen OpenGL context: "
        "EGL: libEGL.so.1: cannot open shared object file; OSMesa: library not found; "
        "expected one of EGL (Debian: apt install libegl1 libgl1-mesa-dri) or OSMesa (apt install libosmesa6)"
    )


def test_an_egl_that_cannot_open_falls_back_on_osmesa(monkeypatch):
    class Context:
        def make_current(self):
            pass

        free = make_current

    def refuse(width, height):
        raise RuntimeError("Cannot create an EGL context.")

    monkeypatch.setattr(gl, "_BACKENDS", [("EGL", refuse), ("OSMesa", lambda width, height: Context())])
    assert isinstance(gl.open_context(64, 64), Context)
