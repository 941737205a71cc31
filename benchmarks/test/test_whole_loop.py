"""The whole loop as a user runs it: real processes, real DDS, rendered images, real bags, the committed student."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
pytest.importorskip("f2o_msgs", reason="f2o_msgs is not built: run make setup")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from f2o_bags.decode import Decoder  # noqa: E402
from f2o_bags.read import open_bag  # noqa: E402
from f2o_bags.topics import JOINT_COMMAND  # noqa: E402
from f2o_bringup.graph import COMMON, ENV, PERCEPTION, SIM, bridge  # noqa: E402
from f2o_bringup.processes import start  # noqa: E402
from f2o_bringup.specs import Graph, NodeSpec  # noqa: E402
from f2o_control.robot import load_robot  # noqa: E402
from f2o_nodekit.config import load_config  # noqa: E402
from f2o_nodekit.robot import robot_file  # noqa: E402
from f2o_perception.config import PerceptionConfig  # noqa: E402
from f2o_perception.convert import observation_from_msg  # noqa: E402
from f2o_policy.data.replay import BagReplay  # noqa: E402
from f2o_policy.runtime.latency import report  # noqa: E402
from f2o_policy.runtime.trace import summarise  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from benchmarks import ROOT  # noqa: E402
from benchmarks.demo.episodes_node import EpisodesNode  # noqa: E402
from f2o_msgs.msg import JointTarget, PolicyTick  # noqa: E402
from f2o_msgs.msg import Observation as ObservationMsg  # noqa: E402

CONFIG = ROOT / "config"
STUDENT = ROOT / "checkpoints" / "reach_around" / "student.pt"
ARM = "fr3"  # of the bag
COLUMNS = [*(f"joint{i}" for i in range(1, 8)), "gripper_width"]


@pytest.fixture
def ros():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def spin(node, condition, timeout_s, what):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} (waited {timeout_s} s)"
        rclpy.spin_once(node, timeout_sec=0.1)


@pytest.mark.parametrize("robot", ["panda", "fr3"])
def test_an_episode_through_the_live_graph(ros, tmp_path, robot):
    """Three episodes: at least one grasp, sane rates, and every message what DESIGN says it is, with either arm.

    The student has learned from a Panda.
    """
    traces = {"trace": str(tmp_path / "trace.npz"), "bridge_trace": str(tmp_path / "bridge.npz")}
    arguments = {"sim": "true", "robot": robot, "checkpoint": str(STUDENT), "seed": "7", **traces}
    with start("deploy", arguments, write=lambda line: None) as running:
        node = EpisodesNode(alive=running.check)
        heard = {"chunk": [], "target": [], "command": [], "tick": []}
        node.create_subscription(PolicyTick, "/f2o/policy_tick", heard["tick"].append, 10)
        node.create_subscription(JointTrajectory, "/f2o/action_chunk", heard["chunk"].append, 10)
        node.create_subscription(JointTarget, "/f2o/joint_target", heard["target"].append, 10)
        node.create_subscription(JointTarget, "/f2o/joint_command", heard["command"].append, 10)
        node.wait_until_live(60.0)
        episodes = [node.play(seed, 30.0) for seed in (7, 8, 9)]
        observations = node.run.observations
        node.destroy_node()
    assert [episode.seed for episode in episodes] == [7, 8, 9]
    assert any(episode.success and episode.side in ("left", "right") for episode in episodes), episodes
    check_rates(tmp_path / "trace.npz")
    check_stages(tmp_path, heard["tick"])
    check_chunks(heard["chunk"])
    check_targets(heard["target"], heard["command"], robot)
    check_observations(observations)


def check_rates(trace):
    """Generous: this machine may be busy. `make demo` and `make bench` are where the figures come from."""
    with np.load(trace) as file:
        report = summarise({name: file[name] for name in file.files if name != "extra"})
    assert report["ticks"] > 500
    assert report["tick_hz"] > 80
    assert report["observation_age_ms"]["p50"] < 250


def check_stages(folder, ticks):
    """Traces of two processes meet, and what is published with a target is what was traced."""
    latency = report(folder / "trace.npz", folder / "bridge.npz", folder / "latency")
    assert len(latency.total) > 400
    for name, ms in latency.stages.items():
        assert np.median(ms) >= 0, name
    assert 10 < np.median(latency.total) < 300
    with np.load(folder / "trace.npz") as file:
        ages = dict(zip(file["now_ros_ns"].tolist(), file["age_s"].tolist(), strict=True))
    assert len(ticks) > 400
    for tick in ticks[::50]:
        stamp = tick.header.stamp.sec * 10**9 + tick.header.stamp.nanosec
        assert tick.observation_age == pytest.approx(ages[stamp])


def check_chunks(chunks):
    assert len(chunks) > 100
    for chunk in chunks[:: len(chunks) // 20]:
        assert list(chunk.joint_names) == COLUMNS
        points = np.array([point.positions for point in chunk.points])
        assert points.shape == (16, 8)
        assert np.isfinite(points).all()
        times = [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in chunk.points]
        np.testing.assert_allclose(times, np.arange(16) * 0.1)


def check_targets(targets, commands, robot):
    assert {tuple(msg.joint_names) for msg in targets} == {tuple(COLUMNS[:-1])}
    assert {(msg.source, msg.header.frame_id) for msg in targets} == {("policy", "")}
    assert all(msg.observation_stamp.sec for msg in targets)
    followed = [
        msg for msg in commands if msg.observation_stamp.sec
    ]  # the first after arming follow none yet
    assert {msg.source for msg in followed} == {"policy"} and len(followed) > 300
    q = np.array([msg.joint_positions for msg in commands])
    stamps = np.array([msg.header.stamp.sec + msg.header.stamp.nanosec * 1e-9 for msg in commands])
    step, pause = np.abs(np.diff(q, axis=0)).max(axis=1), np.diff(stamps)
    follows = (pause > 0.006) & (pause < 0.010)
    assert follows.sum() > 300
    fastest = max(load_robot(robot_file(robot)).velocity)  # of any joint [rad/s]
    assert (step[follows] / 0.008).max() < fastest + 0.09


def check_observations(observations):
    assert len(observations) > 3
    for seen in observations:
        assert seen.view_names == ("wrist", "external_1", "external_2")
        assert seen.points.shape == (4096, 3)
        assert seen.rgb.shape == (3, 64, 64, 3)
        assert seen.rgb.std() > 10  # a picture, not a colour
        assert 0.0 <= seen.gripper_width <= 0.081
        assert seen.max_skew_ns <= 17_000_000


def recording_graph(tmp_path):
    """Simulator, perception and a recorder that also keeps what perception publishes."""
    recorder = yaml.safe_load((CONFIG / "recorder.yaml").read_text())
    recorder |= {"preflight": False, "calibration": str(CONFIG / "cameras.yaml")}  # nobody arms the bridge
    observations = {"type": "f2o_msgs/msg/Observation", "qos": "reliable", "hz": 30.0}
    recorder["topics"]["/f2o/observation"] = observations
    (tmp_path / "recorder.yaml").write_text(yaml.safe_dump(recorder))
    own = {"config": str(tmp_path / "recorder.yaml"), "output": str(tmp_path / "bags"), "robot": ARM}
    nodes = (
        SIM,
        PERCEPTION,
        bridge("teleop"),
        NodeSpec("f2o_teleop", "recorder_node", "recorder_node", own, env=ENV),
    )
    return Graph("recording", COMMON, nodes, ())


def test_a_recorded_bag_gives_the_same_observations_as_the_live_node(ros, tmp_path):
    """What perception published while recording equals, array by array, what the bag gives offline.

    The bag is an FR3's, and the installed perception.yaml, which reads it, names a Panda: what an arm did is the same.
    """
    with start(
        recording_graph(tmp_path), {"sim": "true", "seed": "3", "robot": ARM}, write=lambda line: None
    ) as running:
        node = rclpy.create_node("recording_test")
        said = []
        node.create_subscription(String, "/f2o/episode/state", said.append, 10)
        command = node.create_publisher(String, "/f2o/episode/command", 10)
        seen = []
        node.create_subscription(
            ObservationMsg, "/f2o/observation", lambda msg: seen.append(msg.header.stamp), 10
        )
        spin(node, lambda: running.check() or seen, 60, "no observation came")
        spin(node, lambda: command.get_subscription_count() > 0, 20, "the recorder did not appear")
        # DDS connects topic by topic: what is published before it has is nobody's loss, and no subject of this test.
        heard = []
        node.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
        spin(node, lambda: recorder_hears(heard, "/f2o/observation"), 30, "the recorder hears no observation")
        command.publish(String(data="start"))
        before = len(seen)
        spin(node, lambda: len(seen) > before + 40, 60, "observations ceased")
        command.publish(String(data="save"))
        spin(node, lambda: any('"saved"' in msg.data for msg in said), 20, "the episode was not saved")
        node.destroy_node()
    (bag,) = sorted((tmp_path / "bags").glob("episode_*"))
    live = {}
    for _, message in decoded(bag, {"/f2o/observation"}):
        observation = observation_from_msg(message)
        live[observation.stamp_ros_ns] = observation
    offline = {o.stamp_ros_ns: o for o in replayed(bag)}
    played = observed_while_playing(bag)
    for seen in (live, played):
        common = sorted(seen.keys() & offline.keys())
        assert len(common) > 20, (len(seen), len(offline))
        for stamp in common:
            assert_same(seen[stamp], offline[stamp])


def recorder_hears(diagnostics, topic):
    statuses = (status for array in diagnostics for status in array.status)
    values = (pair for status in statuses if "recorder" in status.name for pair in status.values)
    return any(pair.key == f"hz {topic}" and float(pair.value) > 0 for pair in values)


def observed_while_playing(bag):
    """What a perception node publishes while `f2o bag play` plays the bag's cameras and joints to it."""
    topics = sorted(
        set(BagReplay(load_config(PerceptionConfig, CONFIG / "perception.yaml")).topics) - {JOINT_COMMAND}
    )
    arguments = {"robot": ARM, "robot_driver": "false", "camera_driver": "false"}
    with start(Graph("perception", COMMON, (PERCEPTION,), ()), arguments, write=lambda line: None):
        node, seen = rclpy.create_node("playing_test"), {}
        heard = node.create_subscription(ObservationMsg, "/f2o/observation", lambda msg: keep(seen, msg), 100)
        spin(node, lambda: heard.get_publisher_count() > 0, 60, "the perception node did not appear")
        command = ["f2o", "bag", "play", str(bag), "--wait", "60", "--topics", *topics]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as player:
            spin(node, lambda: player.poll() is not None, 120, "the bag was not played")
            assert player.returncode == 0, player.stderr.read()
        node.destroy_node()
    return seen


def keep(seen, msg):
    observation = observation_from_msg(msg)
    seen[observation.stamp_ros_ns] = observation


def replayed(bag):
    """Every observation that the bag's images and joint states give; nobody moved the arm, so no commands."""
    replay = BagReplay(load_config(PerceptionConfig, CONFIG / "perception.yaml"))
    for topic, message in decoded(bag, replay.topics - {JOINT_COMMAND}):
        replay.push(topic, message)
    return replay.observations


def decoded(path, topics):
    bag = open_bag(path)
    decode = Decoder(bag)
    return [(message.topic, decode(message.topic, message.data)) for message in bag.messages(topics)]


def assert_same(live, offline):
    np.testing.assert_array_equal(live.rgb, offline.rgb)
    np.testing.assert_array_equal(live.depth_mm, offline.depth_mm)
    np.testing.assert_array_equal(live.view_stamps_ros_ns, offline.view_stamps_ros_ns)
    np.testing.assert_allclose(live.joint_positions, offline.joint_positions, atol=1e-5)
    np.testing.assert_allclose(live.points, offline.points, atol=1e-4)


def test_ctrl_c_ends_the_demo_and_every_process_of_it(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmarks.demo",
        "--episodes",
        "2",
        "--out",
        str(tmp_path),
    ]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    lines = []
    while "warm" not in (line := process.stdout.readline()) and line:
        lines.append(line)
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 130, "".join(lines) + rest
    assert "Traceback" not in "".join(lines) + rest
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["checkpoint:=/nowhere/student.pt"], "cannot be read (No such file or directory)"),
        (["chekpoint:=x"], "chekpoint"),
    ],
)
def test_a_wrong_start_is_one_sentence_and_a_status(arguments, sentence):
    command = ["f2o-launch", "deploy", "sim:=true", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
