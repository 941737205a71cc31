"""Everything into rerun, and back out of its file."""

import numpy as np
import pytest
from f2o_nodekit.config import load_config
from f2o_nodekit.paths import config_file
from f2o_nodekit.testing import problems
from f2o_teleop.view import Throttle, View, ViewConfig, ViewError


def test_what_is_said_is_in_the_file(tmp_path):
    path = tmp_path / "deep" / "view.rrd"
    view = View(ViewConfig(viewer="save", path=str(path)))
    view.at(5_000_000_000)
    view.image("wrist", np.zeros((48, 64, 3), np.uint8))
    view.cloud(np.zeros((10, 3), np.float32))
    view.joints("measured", ("a", "b"), np.array([0.1, 0.2]))
    view.text("episode", "7 recording")
    view.close()
    written = path.read_bytes()
    for name in (b"cameras/wrist", b"scene/cloud", b"joints/a/measured", b"episode"):
        assert name in written


def test_a_viewer_that_does_not_open_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        ViewError, match=r"^view: viewer save: [^\n]*; expected another of spawn, serve, save$"
    ):
        View(ViewConfig(viewer="save", path=str(tmp_path / "file" / "view.rrd")))


def test_each_thing_is_shown_as_often_as_asked():
    due = Throttle(10.0)
    passed = [(name, k) for k in range(100) for name in ("a", "b") if due(name, k * 10_000_000)]
    assert passed == [(name, k) for k in range(0, 100, 10) for name in ("a", "b")]


def test_the_installed_configuration_is_the_default_and_wrong_values_are_named():
    assert load_config(ViewConfig, config_file("view.yaml")) == ViewConfig()
    assert problems(ViewConfig, viewer="tv", image_hz=0.0, stride=0) == [
        "viewer: expected one of spawn, serve, save, got 'tv'",
        "image_hz: expected a number above 0, got 0.0",
        "stride: expected an integer from 1 to 16, got 0",
    ]
    assert problems(ViewConfig, viewer="save") == [
        "path: expected the file to write, for viewer save, got nothing"
    ]
