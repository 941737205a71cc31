import importlib.metadata

import numpy as np
import pytest
from f2o_nodekit.urdf import PANDA_URDF, wheel_file
from f2o_sim.errors import RobotModelError

from f2o_sim import meshes, robot


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(
        RobotModelError, match=r"robot model: .* expected the Python package example-robot-data"
    ):
        robot.load_robot()


def test_a_urdf_without_the_arms_joints_is_refused(tmp_path):
    file = tmp_path / "other.urdf"
    file.write_text('<robot name="other"><link name="panda_link0"/></robot>')
    with pytest.raises(
        RobotModelError, match=r"other.urdf: no joint named panda_joint1, .*expected some of none"
    ):
        robot.load_robot(urdf=file)


def test_thinned_meshes_are_small_and_come_back_from_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = wheel_file(PANDA_URDF).parents[1] / "meshes" / "visual" / "link0.dae"
    fresh = meshes.load_visual(path, 500)
    assert sum(len(mesh.faces) for mesh in fresh) < 900
    files = list((tmp_path / "f2o" / "meshes").iterdir())
    assert [file.suffix for file in files] == [".npz"]
    monkeypatch.setattr(meshes, "_thin", lambda *_: pytest.fail("not read from the cache"))
    for one, other in zip(fresh, meshes.load_visual(path, 500), strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)
        assert one.rgb == other.rgb
