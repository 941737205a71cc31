"""The nodes as real processes over DDS. Skipped where there is no ROS."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

rclpy = pytest.importorskip("rclpy", reason="no rclpy: the nodes cannot run")
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from f2o_bags.labels import from_cdr  # noqa: E402
from f2o_nodekit.robot import read_robot  # noqa: E402
from f2o_teleop.ik import DifferentialIk  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image, JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from f2o_msgs.msg import JointTarget  # noqa: E402

WAIT_S = 30.0
WORKSPACE = Path(__file__).parents[3]
STORE = get_typestore(Stores.ROS2_KILTED)
TYPES = STORE.types
IMAGE, JOINT_STATE = "sensor_msgs/msg/Image", "sensor_msgs/msg/JointState"
RELIABLE = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
RECORDER = """
output: {output}
task: toy
flush_s: 0.01
min_free_gb: 0.01
preflight: {preflight}
cameras: [wrist]
topics:
  /franka/joint_states: {{type: sensor_msgs/msg/JointState, qos: reliable, depth: 500}}
  /f2o/mode: {{type: std_msgs/msg/String, qos: latched}}
"""


def environment():
    """This test's own corner of DDS, with room for images in shared memory."""
    env = dict(os.environ)
    env["ROS_DOMAIN_ID"] = "34"  # whatever the shell says: other packages test at the same time
    env.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    env.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "LARGE_DATA")
    profile = WORKSPACE / "config" / "dds.xml"
    if profile.is_file():
        env.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(profile))
    package = Path(__file__).parents[1]
    env["PYTHONPATH"] = os.pathsep.join([str(package), *filter(None, sys.path), env.get("PYTHONPATH", "")])
    return env


class Node:
    """A node of this package as a process of its own."""

    def __init__(self, name, config, folder, *words):
        path = folder / f"{name}.yaml"
        path.write_text(config)
        self.errors = folder / f"{name}.err"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"f2o_teleop.{name}", "--ros-args", "-p", f"config:={path}", *words],
                env=environment(), stdout=errors, stderr=errors, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def end(self, number=signal.SIGINT):
        """Sends a signal; returns the exit status and what was said."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            return self.process.wait(WAIT_S), self.errors.read_text()
        finally:
            self.process.kill()
            self.process.wait()


class Rig:
    """The rest of the graph: publishers, and a thread that listens."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("rig", context=self.context)
        self.images = self.node.create_publisher(Image, "/wrist/color/image_raw", RELIABLE)
        self.joints = self.node.create_publisher(JointState, "/franka/joint_states", RELIABLE)
        self.mode = self.node.create_publisher(String, "/f2o/mode", LATCHED)
        self.commands = self.node.create_publisher(String, "/f2o/episode/command", RELIABLE)
        self.states, self.targets = queue.Queue(), queue.Queue()
        self.node.create_subscription(String, "/f2o/episode/state", self._on_state, LATCHED)
        self.node.create_subscription(JointTarget, "/f2o/joint_target", self.targets.put, RELIABLE)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while not self._end.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _on_state(self, message):
        self.states.put(json.loads(message.data))

    def close(self):
        self._end.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def wait_for(self, meets, what, wait_s=WAIT_S):
        """The first recorder state that `meets` accepts."""
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                state = self.states.get(timeout=0.1)
                if meets(state):
                    return state
        raise AssertionError(f"no state with {what} within {wait_s} s")

    def connected(self, *publishers):
        """Waits until every publisher has found its subscriber."""
        end = time.monotonic() + WAIT_S
        while any(publisher.get_subscription_count() < 1 for publisher in publishers):
            assert time.monotonic() < end, "the node did not subscribe"
            time.sleep(0.01)

    def command(self, text, state):
        """Sent again where it came before the subscription knew its publisher: a match is not mutual at once."""
        for _ in range(5):
            self.commands.publish(String(data=text))
            with contextlib.suppress(AssertionError):
                return self.wait_for(lambda s: s["state"] == state, state, WAIT_S / 6)
        return self.wait_for(lambda s: s["state"] == state, state, WAIT_S / 6)

    def call(self, verb):
        """The answer of /f2o/episode/<verb>."""
        client = self.node.create_client(Trigger, f"/f2o/episode/{verb}")
        assert client.wait_for_service(WAIT_S)
        future = client.call_async(Trigger.Request())
        answered = threading.Event()
        future.add_done_callback(lambda _: answered.set())
        assert answered.wait(WAIT_S), "no answer"
        return future.result()

    def send(self, count, first):
        """Publishes images and joints; returns their serialised bytes by topic."""
        sent = {"/wrist/color/image_raw": [], "/franka/joint_states": []}
        for k in range(first, first + count):
            self._publish(self.joints, joint_bytes(k), sent["/franka/joint_states"])
            if k % 4 == 0:
                self._publish(self.images, image_bytes(k), sent["/wrist/color/image_raw"])
            time.sleep(0.002)  # a publisher's pace, not a wait
        return sent

    def _publish(self, publisher, data, sent):
        sent.append(data)
        publisher.publish(data)


def joint_bytes(k):
    """A JointState, serialised by rosbags: rclpy leaves rubbish in the padding, different each time."""
    names, numbers = ["a", "b"], np.array([float(k), 0.5])
    header = TYPES["std_msgs/msg/Header"](TYPES["builtin_interfaces/msg/Time"](0, k), "")
    return bytes(
        STORE.serialize_cdr(TYPES[JOINT_STATE](header, names, numbers, np.zeros(0), np.zeros(0)), JOINT_STATE)
    )


def image_bytes(k):
    """An Image of 180 x 240 random pixels."""
    pixels = np.random.default_rng(k).integers(0, 255, 180 * 240 * 3, dtype=np.uint8)
    header = TYPES["std_msgs/msg/Header"](TYPES["builtin_interfaces/msg/Time"](0, k), "camera")
    return bytes(STORE.serialize_cdr(TYPES[IMAGE](header, 180, 240, "rgb8", 0, 720, pixels), IMAGE))


@pytest.fixture
def rig(monkeypatch):
    for key, value in environment().items():
        monkeypatch.setenv(key, value)
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def recorder(tmp_path, rig):
    def start(preflight="false"):
        config = RECORDER.format(output=tmp_path / "bags", preflight=preflight)
        node = Node("recorder_node", config, tmp_path)
        started.append(node)
        rig.connected(rig.images, rig.joints, rig.mode, rig.commands)
        rig.wait_for(lambda s: s["state"] == "ready", "ready")
        return node

    started = []
    yield start
    for node in started:
        node.process.kill()
        node.process.wait()


def read(folder):
    """Bytes by topic of a finished bag, as `f2o convert` reads it."""
    with AnyReader([folder]) as reader:
        got = {connection.topic: [] for connection in reader.connections}
        for connection, _, raw in reader.messages():
            got[connection.topic].append(bytes(raw))
            reader.deserialize(raw, connection.msgtype)
    return got


def test_two_episodes_one_discarded_and_one_cut_short_by_ctrl_c(rig, recorder, tmp_path):
    node = recorder()
    rig.mode.publish(String(data="teleop"))
    rig.send(4, 0)  # nobody records this
    rig.command("start", "recording")
    sent = rig.send(200, 1000)
    total = sum(map(len, sent.values()))
    rig.wait_for(lambda s: s["messages"] >= total, f"{total} messages")
    state = rig.command('success {"strategy": "left"}', "saved")
    assert (state["index"], state["drops"], state["success"]) == (0, 0, "true")
    assert state["path"] == str(tmp_path / "bags" / "episode_0000")
    got = read(tmp_path / "bags" / "episode_0000")
    assert {topic: got[topic] for topic in sent} == sent
    assert len(got["/f2o/mode"]) == 1  # latched before the start, repeated inside
    with Reader(tmp_path / "bags" / "episode_0000") as reader:
        labels = reader.storage.metadata.custom
        offered = {c.topic: c.ext.offered_qos_profiles for c in reader.connections}
    assert (labels["task"], labels["strategy"], labels["success"]) == ("toy", "left", "true")
    assert offered["/f2o/mode"][0].durability.name == "TRANSIENT_LOCAL"

    rig.command("start", "recording")
    rig.send(20, 2000)
    rig.command("discard", "discarded")
    assert [p.name for p in (tmp_path / "bags").iterdir()] == ["episode_0000"]

    rig.command("start", "recording")
    sent = rig.send(20, 3000)
    total = sum(map(len, sent.values()))
    rig.wait_for(lambda s: s["state"] == "recording" and s["messages"] >= total, f"{total} messages")
    status, said = node.end(signal.SIGINT)
    assert (status, "Traceback" in said) == (0, False), said
    assert "episode_0001 saved (unknown)" in said
    got = read(tmp_path / "bags" / "episode_0001")
    assert {topic: got[topic] for topic in sent} == sent


def test_sigkill_loses_nothing_that_was_flushed_and_the_next_session_numbers_on(
    rig, recorder, tmp_path, read_truncated
):
    node = recorder()
    rig.command("start", "recording")
    sent = rig.send(100, 0)
    total = sum(map(len, sent.values()))
    rig.wait_for(lambda s: s["messages"] >= total, f"{total} messages")
    file = tmp_path / "bags" / "episode_0000.partial" / "episode_0000_0.mcap"
    size = -1
    while size != (size := file.stat().st_size):
        time.sleep(0.1)  # ten flush periods without growth: all is with the kernel
    node.end(signal.SIGKILL)
    assert not file.with_name("metadata.yaml").exists()
    labels, *survived = [message.data for message in read_truncated(file)]
    assert from_cdr(labels)["task"] == "toy"
    assert sorted(survived) == sorted(data for messages in sent.values() for data in messages)

    again = recorder()
    state = rig.command("start", "recording")
    assert state["index"] == 1
    rig.command("save", "saved")
    status, said = again.end(signal.SIGTERM)
    assert (status, "Traceback" in said) == (0, False), said
    assert "unfinished bags of earlier sessions, kept: episode_0000.partial" in said
    assert sorted(p.name for p in (tmp_path / "bags").iterdir()) == ["episode_0000.partial", "episode_0001"]


def test_impossible_commands_are_refused_in_words(rig, recorder):
    recorder()
    rig.commands.publish(String(data="stop"))
    state = rig.wait_for(lambda s: s["note"], "a note")
    assert (state["state"], state["note"]) == ("ready", "stop: not possible while ready; expected start")


def test_services_do_what_the_topic_does_and_a_silent_camera_refuses_the_start(rig, recorder, tmp_path):
    recorder(preflight="true")
    done = rig.call("start")
    assert not done.success
    assert done.message.startswith("start: /wrist/color/image_raw is silent, expected 30 Hz; ")
    assert not list((tmp_path / "bags").iterdir())
    done = rig.call("stop")
    assert (done.success, done.message) == (False, "stop: not possible while ready; expected start")


def teleop_config(tmp_path):
    script = tmp_path / "script.yaml"
    script.write_text("- {duration_s: 30.0, axes: [0, 0, 1, 0, 0, 0]}\n")
    return f"source: scripted\nscript: {script}\n"


def test_the_scripted_hand_moves_the_target_its_way(rig, tmp_path):
    node = Node("teleop_node", teleop_config(tmp_path), tmp_path)
    try:
        rig.connected(rig.joints, rig.mode)
        names = [f"panda_joint{i}" for i in range(1, 8)]
        home = read_robot("panda").home
        positions = list(home)
        ik = DifferentialIk()
        start = ik.forward(np.array(home))
        height, targets, armed, moved = 0.0, 0, False, np.zeros(3)
        end = time.monotonic() + WAIT_S
        while height < 0.05 and time.monotonic() < end:
            rig.joints.publish(JointState(name=names[::-1], position=positions[::-1]))
            try:
                target = rig.targets.get(timeout=0.05)
            except queue.Empty:
                continue  # not discovered yet, or the joints it last saw are too old
            assert (target.source, list(target.joint_names)) == ("teleop", [f"joint{i}" for i in range(1, 8)])
            assert target.header.frame_id == ""
            positions, targets = list(target.joint_positions), targets + 1  # an arm that follows at once
            if targets == 20 and not armed:
                np.testing.assert_allclose(positions, home, atol=1e-6)  # nobody armed: it stays with the arm
                rig.mode.publish(String(data="teleop"))
                armed = True
            moved = (ik.forward(np.array(positions)) - start)[:3, 3]
            height = moved[2]
        assert height >= 0.05, f"moved {moved} in {targets} targets"
        assert np.abs(moved[:2]).max() < 0.01
    finally:
        status, said = node.end(signal.SIGINT)
    assert (status, "Traceback" in said) == (0, False), said


def test_joint_states_of_another_robot_are_an_error_that_names_both(rig, tmp_path):
    node = Node("teleop_node", teleop_config(tmp_path), tmp_path)
    told = queue.Queue()
    rig.node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: told.put(m.status[0]), RELIABLE)
    try:
        end, wanted = (
            time.monotonic() + WAIT_S,
            "no targets: /franka/joint_states: no position for panda_joint1, ",
        )
        said = ""
        while not said.startswith(wanted) and time.monotonic() < end:
            rig.joints.publish(JointState(name=[f"fr3_joint{i}" for i in range(1, 8)], position=[0.0] * 7))
            with contextlib.suppress(queue.Empty):
                status = told.get(timeout=0.05)
                said = status.message
        assert said.startswith(wanted) and "only for fr3_joint1, " in said, said
        assert status.level == b"\x02"
    finally:
        node.end(signal.SIGINT)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        (
            "recorder_node",
            "topics: {/a: {type: toy/msg/None}}\noutput: bags\n",
            "toy/msg/None: no definition installed",
        ),
        ("teleop_node", "source: scripted\nscript: nowhere.yaml\n", "nowhere.yaml: not a readable script"),
        (
            "teleop_node",
            "source: mouse\n",
            "source: expected one of spacemouse, spacenav, keyboard, scripted, hidfile, got 'mouse'",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(tmp_path, name, config, message):
    node = Node(name, config, tmp_path)
    assert node.process.wait(WAIT_S) == 2
    said = node.errors.read_text()
    assert message in said
    assert "Traceback" not in said


def test_an_episode_of_the_left_arm_has_the_names_of_any_other(rig, tmp_path):
    """The recorder in a namespace hears the arm there, and nothing of the arm without one."""
    config = RECORDER.format(output=tmp_path / "bags", preflight="false").replace("  /", "  ")
    node = Node("recorder_node", config, tmp_path, "-r", "__ns:=/left")
    left = rclpy.create_node("left_rig", namespace="/left", context=rig.context)
    try:
        commands = left.create_publisher(String, "f2o/episode/command", RELIABLE)
        joints = left.create_publisher(JointState, "franka/joint_states", RELIABLE)
        mode = left.create_publisher(String, "f2o/mode", LATCHED)
        images = left.create_publisher(Image, "wrist/color/image_raw", RELIABLE)
        left.create_subscription(String, "f2o/episode/state", rig._on_state, LATCHED)
        rig._executor.add_node(left)
        rig.connected(commands, joints, mode, images)
        assert rig.joints.get_subscription_count() == rig.commands.get_subscription_count() == 0
        rig.commands, rig.joints, rig.images = commands, joints, images
        rig.command("start", "recording")
        sent = rig.send(40, 0)
        mode.publish(String(data="teleop"))
        total = sum(map(len, sent.values())) + 1
        rig.wait_for(lambda s: s["messages"] >= total, f"{total} messages")
        rig.command("success", "saved")
    finally:
        _, said = node.end()
    got = read(tmp_path / "bags" / "episode_0000")
    assert {topic: got[topic] for topic in sent} == sent and len(got["/f2o/mode"]) == 1, said
    with Reader(tmp_path / "bags" / "episode_0000") as reader:
        offered = {c.topic: c.ext.offered_qos_profiles for c in reader.connections}
    assert offered["/f2o/mode"][0].durability.name == "TRANSIENT_LOCAL"
    assert not any("left" in topic for topic in got)
