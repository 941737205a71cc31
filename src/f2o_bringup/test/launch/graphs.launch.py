"""The four launch files as ROS 2 tests them: ``launch_test graphs.launch.py``; ``test_launch_files.py`` for pytest.

Each installed launch file is run with the simulator and small images until every node's output is there, and ended.
"""

import re
import shutil
import tempfile
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

import launch_testing
import rclpy
from ament_index_python.packages import get_package_share_path
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from f2o_msgs.msg import JointTarget, Observation
from launch import LaunchDescription

SMALL = {"width": "64", "height": "48", "camera_hz": "10.0"}  # for who asks whether it runs, not how fast
PATIENT = {"max_age_s": "2.5", "joint_wait_s": "1.0", "max_joint_gap_s": "1.0", "camera_hz": "10.0"}
SIM = {"sim_node": ("franka/joint_states", JointState)}
BRIDGE = {"bridge_node": ("f2o/mode", String)}
PERCEPTION = {"perception_node": ("f2o/observation", Observation)}
RECORDER = {"recorder_node": ("f2o/episode/state", String)}
CASES = {
    "deploy": (
        "f2o_control",
        {},
        SIM | BRIDGE | PERCEPTION | {"policy_node": ("f2o/joint_target", JointTarget)},
    ),
    "record": ("f2o_teleop", {"source": "scripted"}, SIM | BRIDGE | RECORDER),
    "replay": ("f2o_control", {"namespace": "left"}, SIM | BRIDGE),
    "rt": ("f2o_control", {"namespace": "cell/right"}, SIM),
}
"""Package, arguments, and of each node a topic on which it says something by itself, with its type."""
LIMIT_S = 120.0
FOLDER = Path(tempfile.mkdtemp(prefix="f2o_launch_"))


def small_config():
    """A copy of the installed configuration for a slow machine."""
    folder = FOLDER / "config"
    if not folder.exists():
        shutil.copytree(get_package_share_path("f2o_bringup") / "config", folder)
        for name, changes in (("sim.yaml", SMALL), ("perception.yaml", PATIENT)):
            text = (folder / name).read_text()
            for key, value in changes.items():
                text, found = re.subn(rf"(?m)^( *){key}: \S+", rf"\g<1>{key}: {value}", text)
                assert found == 1, f"{name}: expected one key {key}, got {found}"
            (folder / name).write_text(text)
    return folder


@launch_testing.parametrize("graph", list(CASES))
def generate_test_description(graph):
    """The installed launch file, as it is."""
    package, more, _ = CASES[graph]
    given = {"sim": "true", "config": str(small_config()), "bags": str(FOLDER / "bags"), **more}
    if graph == "deploy":
        given["checkpoint"] = str(
            Path(__file__).resolve().parents[4] / "checkpoints" / "reach_around" / "student.pt"
        )
    if graph == "rt":
        del given["bags"]
    path = get_package_share_path(package) / "launch" / f"{graph}.launch.py"
    include = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(path)), launch_arguments=given.items()
    )
    return LaunchDescription([include, ReadyToTest()])


@contextmanager
def listening():
    """A node and what makes it listen."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node, executor = rclpy.create_node("listening", context=context), SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)


def qos(kind):
    """Modes are latched; nothing here needs every message."""
    if kind is String:
        return QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class TestRunning(unittest.TestCase):
    """While it runs."""

    def test_every_nodes_output_comes(self, graph):
        """From that node and in its namespace."""
        _, more, outputs = CASES[graph]
        namespace = f"/{more['namespace']}" if "namespace" in more else ""
        wanted = {f"{namespace}/{topic}": [(namespace or "/", node)] for node, (topic, _) in outputs.items()}
        silent = set(wanted)
        with listening() as (node, executor):
            for topic, kind in outputs.values():
                name = f"{namespace}/{topic}"
                node.create_subscription(kind, name, lambda _, name=name: silent.discard(name), qos(kind))

            def publishers():
                infos = {topic: node.get_publishers_info_by_topic(topic) for topic in wanted}
                return {topic: [(i.node_namespace, i.node_name) for i in infos[topic]] for topic in wanted}

            end_s = time.monotonic() + LIMIT_S
            while (silent or publishers() != wanted) and time.monotonic() < end_s:
                executor.spin_once(timeout_sec=0.2)
            assert not silent, f"no message in {LIMIT_S:g} s: {silent}"
            assert publishers() == wanted, f"expected {wanted}, got {publishers()}"


@launch_testing.post_shutdown_test()
class TestEnded(unittest.TestCase):
    """After its end."""

    def test_every_node_ended_as_told(self, proc_info, graph):
        """With status 0, and no other process was started."""
        assertExitCodes(proc_info)
        started = {info.process_name.rpartition("-")[0] for info in proc_info}
        expected = set(CASES[graph][2]) | ({"expert_node"} if graph == "record" else set())
        assert started == expected, f"expected {expected}, got {started}"

    def test_nothing_is_left(self):
        """Of the temporary files."""
        shutil.rmtree(FOLDER, ignore_errors=True)
