"""The drivers' launch files, executed: stand-ins with exactly the arguments that the real ones declare."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("launch.actions", reason="launch is not installed (it is not on PyPI)")
pytest.importorskip("launch_ros.actions", reason="launch_ros is not installed (it is not on PyPI)")

DRIVERS = Path(__file__).parent / "drivers"
STAND_IN = """#!{python}
import json, sys, yaml
params = {{}}
for flag, file in zip(sys.argv, sys.argv[1:]):
    if flag == "--params-file":
        for section in yaml.safe_load(open(file)).values():
            params |= section["ros__parameters"]
with open("{log}", "a") as log:
    log.write(json.dumps({{"name": "{name}", "params": params, "args": sys.argv[1:]}}) + "\\n")
"""
RUN = """
import sys
from launch import LaunchService
from f2o_bringup.launch_description import launch_description
from launch.actions import IncludeLaunchDescription
from launch.launch_description_source import LaunchDescriptionSource
service = LaunchService(argv=sys.argv[2:])
service.include_launch_description(
    IncludeLaunchDescription(
        LaunchDescriptionSource(launch_description(sys.argv[1])),
        launch_arguments=[tuple(word.split(":=", 1)) for word in sys.argv[2:]],
    )
)
sys.exit(service.run())
"""


@pytest.fixture
def workspace(tmp_path, fr3_cell):
    """An install prefix whose executables, ours and the drivers', log the parameters that they get."""
    packages = {
        "realsense2_camera": ("rs_launch.py", ["realsense2_camera_node"]),
        "franka_bringup": ("franka.launch.py", ["ros2_control_node"]),
        "controller_manager": ("", ["spawner"]),
        "f2o_perception": ("", ["perception_node"]),
        "f2o_policy": ("", ["policy_node"]),
        "f2o_control": ("", ["bridge_node"]),
        "f2o_teleop": ("", ["teleop_node", "recorder_node"]),
    }
    for package, (launch_file, executables) in packages.items():
        index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
        index.mkdir(parents=True, exist_ok=True)
        (index / package).touch()
        (tmp_path / "share" / package / "launch").mkdir(parents=True)
        if launch_file:
            shutil.copy(DRIVERS / launch_file, tmp_path / "share" / package / "launch" / launch_file)
        for name in executables:
            path = tmp_path / "lib" / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(STAND_IN.format(python=sys.executable, log=tmp_path / "log.jsonl", name=name))
            path.chmod(0o755)
    return tmp_path


def run_launch(workspace, graph, *words):
    """What each executable was given, and what launch printed."""
    environment = os.environ | {
        "AMENT_PREFIX_PATH": f"{workspace}:{os.environ.get('AMENT_PREFIX_PATH', '')}",
        "ROS_LOG_DIR": str(workspace / "log"),
    }
    command = [sys.executable, "-c", RUN, graph, f"config:={workspace / 'cell'}", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    log = workspace / "log.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines], done


def test_each_camera_is_started_with_its_own_arguments_and_none_of_ours(workspace):
    started, done = run_launch(
        workspace, "deploy", "robot:=fr3", "robot_ip:=10.0.0.2", "cameras:=wrist=123,external_1=456"
    )
    text = done.stdout + done.stderr
    assert "not supported" not in text, text
    assert "not a valid standard output config" not in text
    cameras = {
        t["params"]["camera_name"]: t["params"] for t in started if t["name"] == "realsense2_camera_node"
    }
    assert set(cameras) == {"wrist", "external_1"}, text
    assert cameras["wrist"]["serial_no"] == "_123" and cameras["external_1"]["serial_no"] == "_456"
    assert all(c["output"] == "screen" and c["align_depth.enable"] for c in cameras.values())
    (arm,) = (t["params"] for t in started if t["name"] == "ros2_control_node")
    assert (arm["robot_type"], arm["robot_ip"]) == ("fr3", "10.0.0.2")
    assert Path(arm["controllers_yaml"]) == workspace / "cell" / "controllers.yaml"


def test_recording_with_real_cameras_starts_too(workspace):
    started, done = run_launch(
        workspace, "record", "robot:=fr3", "cameras:=wrist=1", "bags:=episodes", "task:=stow"
    )
    names = [t["name"] for t in started]
    assert "realsense2_camera_node" in names, done.stdout + done.stderr
    assert "[recorder_node-" in done.stdout + done.stderr, "lines of output name their node"
    assert "not supported" not in done.stdout + done.stderr


def test_an_argument_that_the_driver_does_not_declare_is_one_sentence(workspace):
    file = workspace / "share" / "realsense2_camera" / "launch" / "rs_launch.py"
    file.write_text(file.read_text().replace('"enable_sync",', ""))
    started, done = run_launch(workspace, "deploy", "robot:=fr3", "cameras:=wrist=1")
    assert done.returncode == 1
    assert (
        "realsense2_camera/rs_launch.py: declares no argument enable_sync; expected"
        in done.stdout + done.stderr
    )
    assert started == []


def test_a_driver_that_is_not_installed_is_one_sentence(workspace):
    (workspace / "share" / "ament_index" / "resource_index" / "packages" / "franka_bringup").unlink()
    started, done = run_launch(workspace, "deploy", "robot:=fr3", "cameras:=wrist=1")
    assert done.returncode == 1 and started == []
    assert "franka_bringup: not installed; install it (ros-" in done.stdout + done.stderr
