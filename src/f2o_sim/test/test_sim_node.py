"""The simulator as a real process over DDS: what it says, what it obeys, how it ends."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from f2o_nodekit.paths import SOURCE_CONFIG

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
pytest.importorskip("f2o_msgs", reason="f2o_msgs is not built: run make setup")

from array import array  # noqa: E402

from builtin_interfaces.msg import Duration  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from f2o_nodekit.ros import best_effort, reliable  # noqa: E402
from f2o_nodekit.stamps import to_ns  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, JointState  # noqa: E402
from std_msgs.msg import Float64MultiArray  # noqa: E402
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint  # noqa: E402

from f2o_msgs.msg import TaskState  # noqa: E402
from f2o_msgs.srv import ResetWorld  # noqa: E402

ENVIRONMENT = {
    "ROS_DOMAIN_ID": "31",
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    "FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA",
}
VIEWS = ("wrist", "external_1", "external_2")
PATIENCE_S = 30.0


WITHOUT_PINOCCHIO = "import sys, f2o_sim.sim_node; print('pinocchio' in sys.modules)"


def test_the_simulators_process_stays_free_of_pinocchio():
    """In the policy node's process it cost a third of the ticks (f2o_policy, test_robots.py)."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PINOCCHIO], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def command(*parameters):
    arguments = ["--ros-args", "-p", f"config:={SOURCE_CONFIG / 'sim.yaml'}"]
    for parameter in parameters:
        arguments += ["-p", parameter]
    return [sys.executable, "-m", "f2o_sim.sim_node", *arguments]


class Lab:
    """A node that hears everything the simulator says."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("lab", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.heard = {}
        for view in VIEWS:
            self.hear(Image, f"/{view}/color/image_raw")
            self.hear(CameraInfo, f"/{view}/color/camera_info")
            self.hear(Image, f"/{view}/aligned_depth_to_color/image_raw")
            self.hear(CameraInfo, f"/{view}/aligned_depth_to_color/camera_info")
        self.hear(JointState, "/franka/joint_states")
        self.hear(JointState, "/franka_gripper/joint_states")
        self.hear(TaskState, "/sim/task_state", reliable(10))
        self.hear(DiagnosticArray, "/diagnostics", reliable(10))
        self.reset = self.node.create_client(ResetWorld, "/sim/reset")
        self.arm = self.node.create_publisher(
            JointTrajectory, "/joint_trajectory_controller/joint_trajectory", reliable()
        )
        self.hand = self.node.create_publisher(
            Float64MultiArray, "/gripper_position_controller/commands", reliable()
        )

    def hear(self, kind, topic, qos=None):
        self.heard[topic] = []
        self.node.create_subscription(kind, topic, self.heard[topic].append, qos or best_effort(2))

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"{what} (waited {PATIENCE_S} s)"
            self.executor.spin_once(timeout_sec=0.1)

    def newest(self, topic, after_ns=0):
        self.wait(
            lambda: self.heard[topic] and to_ns(self.heard[topic][-1].header.stamp) > after_ns, f"no {topic}"
        )
        return self.heard[topic][-1]

    def now_ns(self):
        return self.node.get_clock().now().nanoseconds

    def call_reset(self, seed, task=""):
        self.wait(self.reset.service_is_ready, "no /sim/reset")
        future = self.reset.call_async(ResetWorld.Request(task=task, seed=seed))
        self.wait(future.done, "no answer from /sim/reset")
        return future.result()

    def joints(self):
        return np.array(self.newest("/franka/joint_states", self.now_ns()).position)

    def close(self):
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    os.environ.update(ENVIRONMENT)
    errors = tmp_path_factory.mktemp("sim") / "stderr"
    with errors.open("w") as stderr:
        process = subprocess.Popen(command(), env=os.environ | ENVIRONMENT, stderr=stderr)
    lab = Lab()
    yield lab
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.wait(10.0) == 0
    assert time.monotonic() - began < 3.0
    assert "Traceback" not in errors.read_text()
    lab.close()


def test_every_camera_publishes_what_realsense2_camera_does(lab):
    for view in VIEWS:
        color = lab.newest(f"/{view}/color/image_raw")
        depth = lab.newest(f"/{view}/aligned_depth_to_color/image_raw")
        assert (color.encoding, color.width, color.height, color.step) == ("rgb8", 240, 180, 720)
        assert (depth.encoding, depth.width, depth.height, depth.step) == ("16UC1", 240, 180, 480)
        assert len(color.data) == 240 * 180 * 3
        assert len(depth.data) == 240 * 180 * 2
        millimetres = np.frombuffer(depth.data, np.uint16)
        assert 50 < np.median(millimetres[millimetres > 0]) < 3000
        for kind in ("color", "aligned_depth_to_color"):
            info = lab.newest(f"/{view}/{kind}/camera_info")
            assert info.header.frame_id == color.header.frame_id == f"{view}_color_optical_frame"
            assert (info.width, info.height, info.k[2], info.k[5]) == (240, 180, 119.5, 89.5)
            assert info.k[0] == info.k[4] > 100


def test_cameras_and_joints_keep_their_rates(lab):
    if os.getloadavg()[0] > 3 * os.cpu_count():
        pytest.skip(
            f"a load of {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors: no rate can be judged"
        )
    lab.newest("/wrist/color/image_raw")
    for topic in lab.heard:
        lab.heard[topic].clear()
    began = time.monotonic()
    lab.wait(lambda: time.monotonic() - began > 3.0, "")
    counts = {topic: len(messages) / (time.monotonic() - began) for topic, messages in lab.heard.items()}
    for view in VIEWS:
        assert counts[f"/{view}/color/image_raw"] >= 15
        assert counts[f"/{view}/aligned_depth_to_color/image_raw"] >= 15
    stamps = [to_ns(msg.header.stamp) for msg in lab.heard["/franka/joint_states"]]
    assert counts["/franka/joint_states"] > 100
    assert np.median(np.diff(stamps)) == pytest.approx(8e6, abs=2e5)
    assert counts["/franka_gripper/joint_states"] == pytest.approx(15, abs=4)
    assert counts["/sim/task_state"] == pytest.approx(20, abs=5)


def test_joint_states_are_named_and_stamped_as_on_the_robot(lab):
    arm, hand = lab.newest("/franka/joint_states"), lab.newest("/franka_gripper/joint_states")
    assert arm.name == [f"panda_joint{i}" for i in range(1, 8)]
    assert len(arm.position) == len(arm.velocity) == len(arm.effort) == 7
    assert hand.name == ["panda_finger_joint1", "panda_finger_joint2"]
    assert hand.position[0] == hand.position[1] == pytest.approx(0.04, abs=1e-3)
    assert abs(lab.now_ns() - to_ns(lab.newest("/franka/joint_states", lab.now_ns()).header.stamp)) < 5e8


def test_a_reset_sets_up_the_scene_of_its_seed_and_drops_the_motion(lab):
    assert lab.call_reset(5).success
    home = lab.joints()
    scene = lab.newest("/sim/task_state", lab.now_ns())
    point = JointTrajectoryPoint(
        positions=array("d", home + 0.2), velocities=array("d", np.zeros(7)), time_from_start=Duration(sec=5)
    )
    names = [f"panda_joint{i}" for i in range(1, 8)]
    lab.arm.publish(JointTrajectory(joint_names=names, points=[point]))
    lab.hand.publish(Float64MultiArray(data=array("d", [0.02])))
    lab.wait(lambda: np.abs(lab.joints() - home).max() > 0.02, "the arm did not move")
    assert lab.call_reset(5, "reach_around").success
    np.testing.assert_allclose(lab.joints(), home, atol=2e-3)
    time_between = lab.now_ns() + 300_000_000
    lab.newest("/franka/joint_states", time_between)
    np.testing.assert_allclose(lab.joints(), home, atol=2e-3)
    again = lab.newest("/sim/task_state", lab.now_ns())
    assert (again.task, again.seed, again.running, again.collision) == ("reach_around", 5, True, False)
    assert again.object_names == ["cube", "post"]
    assert again.object_poses[1] == scene.object_poses[1]
    assert again.object_poses[0].position.x == pytest.approx(scene.object_poses[0].position.x, abs=1e-3)
    assert lab.call_reset(6).success
    other = lab.newest("/sim/task_state", lab.now_ns())
    assert other.seed == 6
    assert other.object_poses[1] != scene.object_poses[1]


def test_a_command_for_another_arm_is_refused_and_reported(lab):
    point = JointTrajectoryPoint(positions=array("d", [0.0] * 7), time_from_start=Duration(sec=1))
    lab.arm.publish(JointTrajectory(joint_names=[f"fr3_joint{i}" for i in range(1, 8)], points=[point]))
    lab.hand.publish(Float64MultiArray(data=array("d", [0.1, 0.2])))

    def values():
        for msg in reversed(lab.heard["/diagnostics"]):
            for status in msg.status:
                if status.name == "sim_node: physics":
                    return {pair.key: float(pair.value) for pair in status.values}
        return {"refused_commands": 0}

    lab.wait(lambda: values()["refused_commands"] >= 2, "the refusals were not reported")
    assert values()["real_time_factor"] > 0.2


def test_another_task_is_refused_with_the_reason(lab):
    answer = lab.call_reset(0, "fold_towel")
    assert not answer.success
    assert "expected the task that is running, reach_around" in answer.message


def test_a_wrong_parameter_is_one_sentence_and_status_2():
    done = subprocess.run(
        command("camera_hz:=0.0"),
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert "camera_hz: expected a number from 1 to 120, got 0.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_gl_the_node_ends_with_one_sentence():
    environment = os.environ | ENVIRONMENT | {"PYOPENGL_PLATFORM": "nowhere"}
    done = subprocess.run(command(), env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode == 0:
        pytest.skip("OSMesa is installed and takes over")
    assert done.returncode == 2
    assert "cameras: cannot open an off-screen OpenGL context: EGL:" in done.stderr
    assert "Traceback" not in done.stderr
