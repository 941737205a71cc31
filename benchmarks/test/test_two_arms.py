"""Two arms in one room: every name of every node, and two simulated arms of which one is armed at a time."""

import os
import subprocess
import time
from contextlib import ExitStack

import pytest
from f2o_control.config import BridgeConfig
from f2o_nodekit.config import flatten, keys, load_config
from f2o_nodekit.config_words import field_at
from f2o_nodekit.fields import TopicName, ViewTopicName
from f2o_perception.config import PerceptionConfig
from f2o_policy.runtime.config import PolicyConfig
from f2o_sim.config import ExpertConfig, SimConfig
from f2o_teleop.recorder_config import RecorderConfig
from f2o_teleop.teleop_config import TeleopConfig
from f2o_teleop.view import ViewConfig

from benchmarks import ROOT
from benchmarks.common.processes import command, environment
from benchmarks.two_pcs.loop import CHECKPOINT, PATIENT, small_config

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")

CONFIGS = {
    "bridge": BridgeConfig,
    "perception": PerceptionConfig,
    "policy": PolicyConfig,
    "expert": ExpertConfig,
    "sim": SimConfig,
    "recorder": RecorderConfig,
    "teleop": TeleopConfig,
    "view": ViewConfig,
}
FRANKA = {"/franka/joint_states", "/franka_gripper/joint_states"}
SERVICES = {f"/f2o/{verb}" for verb in ("arm", "disarm")}
CAMERA = {"/{view}/color/image_raw", "/{view}/aligned_depth_to_color/image_raw", "/{view}/color/camera_info"}
CONTROLLERS = {"/joint_trajectory_controller/joint_trajectory", "/gripper_position_controller/commands"}
NAMES = {
    "bridge": FRANKA
    | SERVICES
    | CONTROLLERS
    | {
        "/f2o/home",
        "/f2o/recover",
        "/f2o/takeover",
        "/f2o/mode",
        "/f2o/enable",
        "/target_joint",
        "/franka_gripper",
    }
    | {"/f2o/joint_target", "/f2o/takeover_target", "/f2o/joint_command", "/joint_impedance/joints_desired"}
    | {"/action_server/error_recovery", "/controller_manager/set_hardware_component_state"}
    | {"/controller_manager/switch_controller", "/joint_trajectory_controller/controller_state"}
    | {"/service_server/set_force_torque_collision_behavior", "/franka_robot_state_broadcaster/robot_state"},
    "perception": FRANKA | CAMERA | {"/f2o/observation", "/f2o/observation/cloud"},
    "policy": FRANKA
    | {"/f2o/observation", "/f2o/mode", "/f2o/joint_target", "/f2o/action_chunk", "/f2o/policy_tick"},
    "expert": FRANKA
    | SERVICES
    | {"/sim/task_state", "/sim/reset", "/f2o/joint_target", "/f2o/episode/command", "/f2o/episode/state"},
    "sim": FRANKA
    | CONTROLLERS
    | CAMERA
    | {"/{view}/aligned_depth_to_color/camera_info", "/sim/reset", "/sim/task_state"},
    "recorder": FRANKA
    | CONTROLLERS
    | {"/f2o/joint_target", "/f2o/joint_command", "/f2o/mode", "/sim/task_state", "/f2o/episode/command"}
    | {"/{view}", "/tf_static", "/robot_description"},
    "teleop": FRANKA
    | {
        "/f2o/joint_command",
        "/f2o/mode",
        "/f2o/episode/state",
        "/f2o/joint_target",
        "/f2o/takeover",
        "/f2o/enable",
    }
    | {"/f2o/episode/command", "/spacenav/twist", "/spacenav/joy"},
    "view": FRANKA
    | {"/{view}/color/image_raw", "/f2o/observation/cloud", "/f2o/joint_command", "/f2o/mode"}
    | {"/f2o/episode/state"},
}
"""What every name of a configuration is where there is one arm: recordings, documents and drivers have these."""
SHARED = {"/diagnostics", "/parameter_events", "/rosout"}


def names(node, namespace):
    """The names in the shipped configuration of a node, as it resolves them."""
    cls = CONFIGS[node]
    given = {"output": "bags"} if node == "recorder" else {}
    config = load_config(cls, ROOT / "config" / f"{node}.yaml", given, namespace)
    leaves, mark = flatten(config), TopicName.__metadata__[-1]  # of either kind
    assert mark == ViewTopicName.__metadata__[-1]
    found = {leaves[key] for key in keys(cls) if mark in field_at(cls, key.split(".")).metadata}
    return found | set(config.topics if node == "recorder" else ())


@pytest.mark.parametrize("node", CONFIGS)
def test_without_a_namespace_every_name_is_as_it_was_and_with_one_it_is_within(node):
    assert names(node, "") == NAMES[node]
    shared = {"/tf_static"}  # of all arms, as tf2 has it
    within = {name if name in shared else f"/cell/left{name}" for name in NAMES[node]}
    assert names(node, "/cell/left") == within


class Room:
    """Two simulated arms with small images, each with a swaying policy; somebody who watches both."""

    def __init__(self, folder, stack):
        self._folder, config = folder, small_config(folder, PATIENT)
        self.node = stack.enter_context(watching())
        self.positions, self.start = {}, {}
        for arm in ("left", "right"):
            words = [f"namespace:={arm}", "sim:=true", f"config:={config}", f"checkpoint:={CHECKPOINT}"]
            self._start(stack, arm, command("benchmarks.two_pcs.graph", *words))
            sway = command("benchmarks.two_pcs.swaying_node", "--ros-args", "-r", f"__ns:=/{arm}")
            self._start(stack, f"{arm}_policy", sway)
            self.node.listen(arm, self.positions)

    def _start(self, stack, name, words):
        log = stack.enter_context((self._folder / f"{name}.log").open("w"))
        process = subprocess.Popen(
            words, env=environment(), stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
        )
        stack.callback(end, process)

    def until(self, true, what, then=lambda: None, timeout_s=120.0):
        """Wait for ``true``, doing ``then`` once a second."""
        end_s, next_s = time.monotonic() + timeout_s, 0.0
        while not true():
            self.node.hear()
            if time.monotonic() > end_s:
                logs = (f"{p.name}: {p.read_text()[-1500:]}" for p in sorted(self._folder.glob("*.log")))
                raise AssertionError("\n".join([f"{what} did not come in {timeout_s:g} s", *logs]))
            if time.monotonic() > next_s:
                next_s = time.monotonic() + 1.0
                then()

    def arm(self, arm):
        """As somebody would, until the bridge of ``arm`` follows."""

        def call():
            words = ["f2o", "call", "--namespace", arm, "arm", "--wait", "5"]
            subprocess.run(words, env=environment(), capture_output=True, check=False)

        self.until(lambda: self.moved(arm) > 0.05, f"a motion of {arm}", call)

    def moved(self, arm):
        """How far its last joint is from where it was first [rad]."""
        self.node.hear()
        if arm not in self.positions:
            return 0.0
        now = self.positions[arm][-1]
        self.start.setdefault(arm, now)
        return abs(now - self.start[arm])


def end(process):
    """The launcher ends its nodes; the policy ends with its input."""
    process.stdin.close()
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class watching:
    """A node of its own context that hears joint states."""

    def __enter__(self):
        from rclpy.executors import SingleThreadedExecutor

        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node("watching", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        return self

    def __exit__(self, *error):
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def listen(self, arm, positions):
        """Keep the newest joints of ``arm``."""
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import JointState

        def keep(msg):
            order = dict(zip(msg.name, msg.position, strict=True))
            positions[arm] = [order[name] for name in sorted(order)]

        self.node.create_subscription(
            JointState, f"/{arm}/franka/joint_states", keep, qos_profile_sensor_data
        )

    def hear(self):
        """What came."""
        self._executor.spin_once(timeout_sec=0.05)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("ROS_DOMAIN_ID", os.environ.get("F2O_TEST_DOMAIN", "45"))
    patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with ExitStack() as stack:
        stack.callback(patch.undo)
        yield Room(tmp_path_factory.mktemp("room"), stack)


def test_each_arm_has_names_of_its_own_and_nothing_is_between_them(room):
    def topics():
        return {name for name, _ in room.node.node.get_topic_names_and_types()}

    wanted = {
        f"/{arm}/{name}"
        for arm in ("left", "right")
        for name in ("f2o/mode", "f2o/observation", "f2o/joint_target", "wrist/color/image_raw")
    }
    room.until(lambda: wanted <= topics(), "the topics of both arms")
    assert {name for name in topics() if not name.startswith(("/left/", "/right/"))} <= SHARED
    services = {name for name, _ in room.node.node.get_service_names_and_types() if name.endswith("/f2o/arm")}
    assert services == {"/left/f2o/arm", "/right/f2o/arm"}


def test_arming_one_arm_moves_that_one_only(room):
    room.until(lambda: {"left", "right"} <= set(room.positions), "joint states of both arms")
    for arm in ("left", "right"):
        room.moved(arm)
    room.arm("left")
    assert room.moved("right") < 0.005
    room.arm("right")
