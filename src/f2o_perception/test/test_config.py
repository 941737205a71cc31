from pathlib import Path

import numpy as np
import pytest
from f2o_nodekit.config import ConfigError, build_config, load_config
from f2o_perception.calibration import Calibration, load_calibration, rotation
from f2o_perception.config import PerceptionConfig
from f2o_perception.errors import CalibrationError
from scenes import CALIBRATION, DOWN

SHIPPED = Path(__file__).parents[3] / "config"


def test_the_shipped_file_says_what_the_defaults_say():
    if not SHIPPED.is_dir():
        pytest.skip("the tests run outside the workspace: no config/ folder")
    shipped = load_config(PerceptionConfig, SHIPPED / "perception.yaml")
    default = PerceptionConfig()
    assert shipped.workspace == default.workspace
    assert shipped.topics == default.topics
    assert (shipped.views, shipped.points, shipped.image_size) == (default.views, 4096, 64)
    assert shipped.calibration == str(SHIPPED / "cameras.yaml")


def test_file_names_are_relative_to_the_configuration(tmp_path):
    (tmp_path / "p.yaml").write_text("calibration: ../mine/cameras.yaml\n")
    config = load_config(PerceptionConfig, tmp_path / "p.yaml")
    assert config.calibration == str(tmp_path.parent / "mine/cameras.yaml")


def test_skew_defaults_to_half_a_period():
    assert PerceptionConfig(camera_hz=15.0).max_skew_ns == pytest.approx(33_333_333, abs=2)
    assert PerceptionConfig(max_skew_s=0.005).max_skew_ns == 5_000_000


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"views": []}, "views: expected one or more different names, got []"),
        ({"views": ["a", "a"]}, "views: expected one or more different names, got ['a', 'a']"),
        ({"views": ["left-cam"]}, "views[0]: expected letters, digits and underscores, got 'left-cam'"),
        ({"points": 0}, "points: expected an integer from 1 to 1000000, got 0"),
        ({"camera_hz": 0.0}, "camera_hz: expected a number from 0.1 to 1000, got 0"),
        ({"voxel_backend": "pcl"}, "voxel_backend: expected one of numpy, open3d, got 'pcl'"),
        ({"workspace": {"x": [1, 0]}}, "workspace.x: expected lower < upper, got [1, 0]"),
        ({"max_skew_s": 0.5}, "max_skew_s: expected at most max_age_s (0.25), got 0.5"),
        ({"camera_hz": 0.5}, "max_skew_s: expected at most max_age_s (0.25), got 1"),
        ({"joint_wait_s": 0.3}, "joint_wait_s: expected at most max_age_s (0.25), got 0.3"),
        (
            {"voxel_m": 0.001, "workspace": {"x": [0, 1]}},
            "voxel_m: expected at most 50000000 voxels in the workspace",
        ),
        ({"topics": {"color": "/rgb"}}, "topics.color: expected a topic name with {view} in it, got '/rgb'"),
        ({"topics": {"cloud": "/a b"}}, "topics.cloud: expected a topic name, got '/a b'"),
        ({"crop": 1}, "crop: unknown key, expected one of robot, views, image_size"),
    ],
)
def test_a_mistake_is_named(tree, message):
    with pytest.raises(ConfigError) as caught:
        build_config(PerceptionConfig, tree, "perception.yaml")
    assert message in str(caught.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError, match="3 errors"):
        build_config(
            PerceptionConfig, {"points": 0, "image_size": 1, "voxel_backend": "x"}, "perception.yaml"
        )


def test_extrinsics_are_read_and_become_poses(tmp_path):
    text = "cameras: {wrist: {parent: panda_hand, xyz: [0.1, 0, 0.2], quaternion: [0, 0, 0.70711, 0.70711]}}"
    (tmp_path / "cameras.yaml").write_text(text)
    mount = load_calibration(tmp_path / "cameras.yaml").mount("wrist")
    assert mount.parent == "panda_hand"
    np.testing.assert_allclose(mount.matrix() @ [1, 0, 0, 1], [0.1, 1, 0.2, 1], atol=1e-6)


def test_looking_down_is_half_a_turn_about_x():
    np.testing.assert_allclose(rotation(DOWN), np.diag([1.0, -1.0, -1.0]), atol=1e-12)


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (
            {"quaternion": [0, 0, 0, 2]},
            "cameras.w.quaternion: expected x, y, z, w of length 1, got [0, 0, 0, 2]",
        ),
        (
            {"quaternion": [0, 0, 0, 0]},
            "cameras.w.quaternion: expected x, y, z, w of length 1, got [0, 0, 0, 0]",
        ),
        (
            {"quaternion": [0, 0, 1]},
            "cameras.w.quaternion: expected a list of 4 (a number each), got [0, 0, 1]",
        ),
        ({"xyz": [1000, 0, 0]}, "cameras.w.xyz: expected metres, each below 100, got [1000, 0, 0]"),
        ({"xyz": [float("nan"), 0, 0]}, "cameras.w.xyz[0]: expected a number, got nan"),
    ],
)
def test_extrinsics_that_are_no_pose_are_named(mount, message):
    tree = {"cameras": {"w": {"parent": "panda_hand", "xyz": [0, 0, 0], "quaternion": [0, 0, 0, 1], **mount}}}
    with pytest.raises(ConfigError) as caught:
        build_config(Calibration, tree, "cameras.yaml")
    assert message in str(caught.value)


def test_a_camera_without_extrinsics_is_named():
    with pytest.raises(
        CalibrationError, match="no camera named 'left', expected one of wrist, external_1, external_2"
    ):
        CALIBRATION.mount("left")
