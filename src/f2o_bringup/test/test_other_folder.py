"""The policy is found from any folder, whether the configuration is installed by links or as copies."""

import os
import shutil
import signal
import subprocess
import time

import pytest
import yaml
from f2o_bringup.node_process import find_executable
from f2o_nodekit.paths import SOURCE_CONFIG

WAIT_S = 240  # of a loaded machine: imports, and a first forward pass


@pytest.fixture
def installed():
    """Where f2o_bringup is installed, by links or as copies."""
    packages = pytest.importorskip("ament_index_python.packages", reason="no ROS")
    try:
        return packages.get_package_share_path("f2o_bringup")
    except LookupError:
        pytest.skip("the workspace is not built: run make setup")


def copy_installation(installed, prefix):
    """An install prefix with a copy of all that f2o_bringup installs."""
    shutil.copytree(installed, prefix / "share" / "f2o_bringup")
    marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / "f2o_bringup"
    marker.parent.mkdir(parents=True)
    marker.touch()
    return prefix


def output_until(command, folder, sentence, **env):
    """The output of ``command``, run in ``folder`` until it says ``sentence``."""
    log = folder / "output.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | env, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and process.poll() is None and sentence not in log.read_text():
            time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    return log.read_text()


def test_the_shipped_configuration_names_a_checkpoint_that_is_there_in_every_layout(installed, tmp_path):
    for config in (
        SOURCE_CONFIG,
        installed / "config",
        copy_installation(installed, tmp_path) / "share/f2o_bringup/config",
    ):
        named = yaml.safe_load((config / "policy.yaml").read_text())["checkpoint"]
        assert (config / named).is_file()


def test_deploy_runs_from_another_folder(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "41")
    output = output_until(["f2o-launch", "deploy", "sim:=true"], tmp_path, ", warm")
    assert f"{installed}/checkpoints/reach_around/student.pt: 2 hypotheses" in output


def test_the_policy_runs_from_another_folder_with_a_copied_installation(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "42")
    prefix = copy_installation(installed, tmp_path / "copy")
    command = [find_executable("f2o_policy", "policy_node")]
    search = f"{prefix}{os.pathsep}{os.environ['AMENT_PREFIX_PATH']}"
    output = output_until(command, tmp_path, ", warm", AMENT_PREFIX_PATH=search)
    assert f"{prefix}/share/f2o_bringup/checkpoints/reach_around/student.pt: 2 hypotheses" in output


def test_a_checkpoint_given_by_hand_is_relative_to_the_shell(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "43")
    output = output_until(["f2o-launch", "deploy", "sim:=true", "checkpoint:=mine.pt"], tmp_path, "mine.pt")
    assert f"{tmp_path}/mine.pt: cannot be read (No such file or directory)" in output
