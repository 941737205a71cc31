"""The drivers' launch files, executed: stand-ins with exactly the arguments that the real ones declare."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("launch.actions", reason="launch is not installed (it is not on PyPI)")
pytest.importorskip("launch_ros.actions", reason="launch_ros is not installed (it is not on PyPI)")

DRIVERS = Path(__file__).parent / "drivers"
STAND_IN = """#!{python}
import json, signal, sys, time, yaml
signal.signal(signal.SIGINT, signal.SIG_IGN)  # not before what follows is written
params = {{}}
for flag, file in zip(sys.argv, sys.argv[1:]):
    if flag == "--params-file":
        for section in yaml.safe_load(open(file)).values():
            params |= section["ros__parameters"]
with open("{log}", "a") as log:
    log.write(json.dumps({{"name": "{name}", "params": params, "args": sys.argv[1:]}}) + "\\n")
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
while "{name}" != "spawner":  # which ends by itself
    time.sleep(0.1)
"""
RUN = """
import sys
from launch import LaunchDescription, LaunchService
from f2o_bringup.launch_description import launch_description
from launch.actions import GroupAction, IncludeLaunchDescription
from launch_ros.actions import PushRosNamespace
from launch.launch_description_source import LaunchDescriptionSource
service = LaunchService(argv=sys.argv[3:])
graph, outer, *words = sys.argv[1:]
include = IncludeLaunchDescription(
    LaunchDescriptionSource(launch_description(graph)),
    launch_arguments=[tuple(word.split(":=", 1)) for word in words],
)
around = [PushRosNamespace(outer)] if outer else []
service.include_launch_description(LaunchDescription([GroupAction([*around, include])]))
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


def run_launch(workspace, graph, *words, count=0, outer=""):
    """What each of ``count`` executables was given, and what launch printed until it was told to end."""
    environment = os.environ | {
        "AMENT_PREFIX_PATH": f"{workspace}:{os.environ.get('AMENT_PREFIX_PATH', '')}",
        "ROS_LOG_DIR": str(workspace / "log"),
        "ROS_HOME": str(workspace / "ros"),
    }
    command = [sys.executable, "-c", RUN, graph, outer, f"config:={workspace / 'cell'}", *words]
    log, printed = workspace / "log.jsonl", workspace / "printed"

    def started():
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    end = time.monotonic() + 120
    with (
        printed.open("w") as output,
        subprocess.Popen(  # its own session: Ctrl-C comes from a terminal to all of them
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        while process.poll() is None and time.monotonic() < end and not 0 < count <= len(started()):
            time.sleep(0.1)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        status = process.wait(60)
    return started(), printed.read_text(), status


def test_each_camera_is_started_with_its_own_arguments_and_none_of_ours(workspace):
    words = (
        "robot:=fr3",
        "robot_ip:=10.0.0.2",
        "cameras:=wrist=123:d405,external_1=456",
        "camera_stagger:=1",
    )
    started, text, _ = run_launch(workspace, "deploy", *words, count=7)
    assert "not supported" not in text, text
    assert "not a valid standard output config" not in text
    cameras = {
        t["params"]["camera_name"]: t["params"] for t in started if t["name"] == "realsense2_camera_node"
    }
    assert set(cameras) == {"wrist", "external_1"}, text
    assert cameras["wrist"]["serial_no"] == "_123" and cameras["external_1"]["serial_no"] == "_456"
    assert all(c["output"] == "screen" and c["align_depth.enable"] for c in cameras.values())
    profiles = ("rgb_camera.color_profile", "depth_module.color_profile")
    assert [cameras["wrist"][p] for p in profiles] == ["", "640x480x30"]
    assert [cameras["external_1"][p] for p in profiles] == ["640x480x30", ""]
    (arm,) = (t["params"] for t in started if t["name"] == "ros2_control_node")
    assert (arm["robot_type"], arm["robot_ip"]) == ("fr3", "10.0.0.2")
    controllers = Path(arm["controllers_yaml"])
    assert controllers.parent == workspace / "ros" / "f2o" and controllers.name.startswith("controllers_fr3_")


def test_recording_with_real_cameras_starts_too(workspace):
    words = ("robot:=fr3", "cameras:=wrist=1", "bags:=episodes", "task:=stow")
    started, text, _ = run_launch(workspace, "record", *words, count=6)
    assert "realsense2_camera_node" in [t["name"] for t in started], text
    assert "[recorder_node-" in text, "lines of output name their node"
    assert "not supported" not in text


@pytest.mark.parametrize(
    ("adapter", "controller"),
    [("jtc", "joint_trajectory_controller"), ("crisp", "joint_impedance_controller")],
)
def test_the_real_time_pc_runs_the_driver_and_the_adapters_controller(workspace, adapter, controller):
    words = ("robot:=fr3", "robot_ip:=10.0.0.2", f"adapter:={adapter}")
    started, text, status = run_launch(workspace, "rt", *words, count=2)
    given = {t["name"]: t for t in started}
    assert given.keys() == {"ros2_control_node", "spawner"} and status == 0, text
    assert given["spawner"]["args"][0] == controller
    assert given["ros2_control_node"]["params"]["robot_ip"] == "10.0.0.2"
    assert "not supported" not in text


def test_a_camera_that_ends_is_started_again_and_no_other(workspace):
    words = ("robot:=fr3", "robot_driver:=false", "cameras:=wrist=1,side=2", "camera_stagger:=0")
    ends = "import sys; sys.exit(1) if params['camera_name'] == 'wrist' else None\n"
    path = workspace / "lib" / "realsense2_camera" / "realsense2_camera_node"
    path.write_text(
        path.read_text().replace(
            "signal.signal(signal.SIGINT, lambda", ends + "signal.signal(signal.SIGINT, lambda"
        )
    )
    started, text, status = run_launch(workspace, "deploy", *words, count=7)
    cameras = [t["params"]["camera_name"] for t in started if t["name"] == "realsense2_camera_node"]
    assert cameras.count("wrist") == 3 and cameras.count("side") == 1, text
    assert "was required" not in text.partition("user interrupted")[0] and status == 0, text


@pytest.mark.parametrize("outer", ["", "cell"])
def test_a_second_arms_drivers_and_nodes_are_in_its_namespace(workspace, outer):
    """Also where somebody includes our launch file in a namespace, and of a camera that is started again."""
    words = ("robot:=fr3", "namespace:=left", "cameras:=wrist=1", "camera_stagger:=0")
    ends = "sys.exit(1) if len(open(LOG).read().split('realsense')) < 3 else None\n".replace(
        "LOG", repr(str(workspace / "log.jsonl"))
    )
    path = workspace / "lib" / "realsense2_camera" / "realsense2_camera_node"
    signals = "signal.signal(signal.SIGINT, lambda"
    path.write_text(path.read_text().replace(signals, ends + signals))
    started, text, status = run_launch(workspace, "deploy", *words, count=7, outer=outer)
    names = sorted(t["name"] for t in started)
    assert names.count("realsense2_camera_node") == 2 and "ros2_control_node" in names, text
    place = f"__ns:=/{outer}/left" if outer else "__ns:=/left"
    assert {t["name"] for t in started if place not in t["args"]} == set(), text
    assert ("not supported" in text) == bool(outer), "4.58 names the namespace around it, once a camera"
    assert status == 0, text


def test_an_argument_that_the_driver_does_not_declare_is_one_sentence(workspace):
    file = workspace / "share" / "realsense2_camera" / "launch" / "rs_launch.py"
    file.write_text(file.read_text().replace('"enable_sync",', ""))
    started, text, status = run_launch(workspace, "deploy", "robot:=fr3", "cameras:=wrist=1")
    assert status == 1 and started == []
    assert "realsense2_camera/rs_launch.py: declares no argument enable_sync; expected" in text


def test_a_driver_that_is_not_installed_is_one_sentence(workspace):
    (workspace / "share" / "ament_index" / "resource_index" / "packages" / "franka_bringup").unlink()
    started, text, status = run_launch(workspace, "deploy", "robot:=fr3", "cameras:=wrist=1")
    assert status == 1 and started == []
    assert "franka_bringup: not installed; install it (ros-" in text
    assert "or give sim:=true or robot_driver:=false" in text
