"""Where configuration files are looked for, and in which order."""

import re
import subprocess
import sys

import pytest
from f2o_nodekit.config import ConfigError
from f2o_nodekit.paths import SOURCE_CONFIG, config_file, find_config

from f2o_nodekit import paths


def install(prefix, package, *names):
    """A package in an install prefix that has these configuration files."""
    marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    folder = prefix / "share" / package / "config"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.fixture
def overlays(monkeypatch, tmp_path):
    pytest.importorskip("ament_index_python", reason="no ROS")
    near, far = tmp_path / "near", tmp_path / "far"
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{near}:{far}")
    return near, far


def test_a_folder_of_ones_own_comes_first_and_need_not_have_everything(overlays, tmp_path):
    installed = install(overlays[0], "f2o_bringup", "sim.yaml", "view.yaml")
    (tmp_path / "sim.yaml").write_text("")
    assert config_file("sim.yaml", tmp_path) == tmp_path / "sim.yaml"
    assert config_file("view.yaml", tmp_path) == installed / "view.yaml"


def test_the_nearest_overlay_comes_before_the_source_tree(overlays):
    folder = install(overlays[0], "f2o_bringup", "robots/panda.yaml")
    install(overlays[1], "f2o_bringup", "robots/panda.yaml")
    assert config_file("robots/panda.yaml") == folder / "robots/panda.yaml"
    assert find_config("sim.yaml") == str(SOURCE_CONFIG / "sim.yaml")


def test_a_real_time_pc_has_the_files_of_its_own_package(overlays):
    folder = install(overlays[1], "f2o_rt", "receiver.yaml")
    assert config_file("receiver.yaml") == folder / "receiver.yaml"


def test_where_there_is_no_ros_a_plain_installation_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "get_package_prefix", None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    folder = install(tmp_path, "f2o_rt", "receiver.yaml")
    assert config_file("receiver.yaml") == folder / "receiver.yaml"


def test_no_workspace_leaves_the_source_tree(monkeypatch):
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    assert config_file("bridge.yaml") == SOURCE_CONFIG / "bridge.yaml"


def test_a_file_that_is_nowhere_is_one_sentence(monkeypatch, overlays):
    folder = install(overlays[0], "f2o_bringup")
    assert find_config("nothing.yaml") == ""
    text = f"nothing.yaml: 1 error: not found, expected it in {folder}, "
    with pytest.raises(
        ConfigError, match=re.escape(text) + r".*; is the workspace built and env\.sh sourced\?$"
    ):
        config_file("nothing.yaml")


def test_without_ament_index_the_module_still_imports():
    code = "import sys; sys.modules['ament_index_python'] = None; from f2o_nodekit.paths import find_config; "
    code += "print(find_config('bridge.yaml'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip().endswith("bridge.yaml")
