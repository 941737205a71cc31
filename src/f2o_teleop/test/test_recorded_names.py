"""A recording that is played with `ros2 bag play` moves nothing: no topic in it is one that somebody acts on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="no rclpy: the nodes cannot run")
from f2o_bags.convert import message_class  # noqa: E402
from f2o_bags.metadata import read_metadata  # noqa: E402
from f2o_bags.read import open_bag  # noqa: E402
from f2o_control.adapters import Adapter  # noqa: E402
from f2o_control.adapters.base import NamedJoints, Numbers, TrajectoryPlan  # noqa: E402
from f2o_control.config import BridgeConfig  # noqa: E402
from f2o_nodekit.config import load_config  # noqa: E402
from f2o_nodekit.names import full_name  # noqa: E402
from test_processes import RELIABLE, WAIT_S, Node, Rig, environment  # noqa: E402

CONFIG = Path(__file__).parents[3] / "config"
TYPES = {
    TrajectoryPlan: "trajectory_msgs/msg/JointTrajectory",
    NamedJoints: "sensor_msgs/msg/JointState",
    Numbers: "std_msgs/msg/Float64MultiArray",
}
REPORTS = ("joint_states", "gripper_states")  # keys of the arm's topics
OWN = "/my_controller/joints_to_reach"  # a cell's own controller, which only its recorder.yaml knows


def adapters_topics(topics):
    """The topics to which the controllers behind every adapter subscribe, with their types."""
    outputs = [kind.output for kind in Adapter.__subclasses__() if kind.output is not None]
    return {getattr(topics, output.topic): TYPES[output.kind] for output in outputs} | {
        topics.gripper_command: TYPES[Numbers]
    }


@pytest.fixture
def rig(monkeypatch):
    for key, value in environment().items():
        monkeypatch.setenv(key, value)
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def bridge(rig, tmp_path):
    """The topics that a bridge with the shipped configuration subscribes to, asked of the graph, with their types."""
    arguments = ["--ros-args", "-p", f"config:={CONFIG / 'bridge.yaml'}", "-p", "adapter:=null"]
    with (tmp_path / "bridge.err").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "f2o_control.bridge_node", *arguments],
            env=os.environ, stdout=errors, stderr=errors,
        )  # fmt: skip
    try:
        end, found = time.monotonic() + WAIT_S, {}
        while not {"/f2o/joint_target", "/f2o/takeover_target"} <= set(found):
            assert time.monotonic() < end, (tmp_path / "bridge.err").read_text()
            time.sleep(0.1)
            if "bridge_node" in rig.node.get_node_names():
                found = dict(rig.node.get_subscriber_names_and_types_by_node("bridge_node", "/"))
        yield {name: types[0] for name, types in found.items()}
    finally:
        process.terminate()
        process.wait(WAIT_S)


@pytest.fixture
def recorded(rig, bridge, tmp_path):
    """An episode of the shipped recorder.yaml, and of whatever else bridge and controllers act on."""
    topics = load_config(BridgeConfig, CONFIG / "bridge.yaml").topics
    config = yaml.safe_load((CONFIG / "recorder.yaml").read_text())
    config |= {"cameras": [], "preflight": False, "calibration": "", "output": str(tmp_path / "bags")}
    others = {**bridge, **adapters_topics(topics)}
    config["topics"] = {
        **{
            topic: {"type": kind, "qos": "reliable"}
            for topic, kind in others.items()
            if topic.startswith("/")
        },
        **{full_name(topic): entry for topic, entry in config["topics"].items()},
        OWN: {"type": "sensor_msgs/msg/JointState", "command": True},
    }
    node = Node("recorder_node", yaml.safe_dump(config), tmp_path)
    try:
        publishers = {
            topic: rig.node.create_publisher(message_class(entry["type"]), topic, RELIABLE)
            for topic, entry in config["topics"].items()
            if entry.get("qos") != "latched" and topic != "/f2o/episode/command"
        }
        rig.connected(rig.commands, *publishers.values())
        rig.command("start", "recording")
        for topic, publisher in publishers.items():
            publisher.publish(message_class(config["topics"][topic]["type"])())
        rig.wait_for(lambda s: s["messages"] >= len(publishers), f"{len(publishers)} messages")
        state = rig.command("success", "saved")
    finally:
        node.end()
    return Path(state["path"]), set(publishers), topics, set(bridge)


def test_nothing_in_a_recording_is_acted_on_when_it_is_played(recorded):
    folder, published, topics, bridge = recorded
    stored = {entry["topic_metadata"]["name"] for entry in read_metadata(folder)["topics_with_message_count"]}
    reports = {getattr(topics, key) for key in REPORTS}
    assert topics.target in bridge and topics.target in published  # the bridge was asked, and was recorded
    acted_on = (
        (bridge - reports) | set(adapters_topics(topics)) | {"/f2o/episode/command", topics.command, OWN}
    )
    assert not stored & acted_on
    assert reports <= stored  # what perception needs keeps its name


def test_every_topic_is_read_by_its_own_name(recorded):
    folder, published, topics, _ = recorded
    bag = open_bag(folder)
    assert published <= set(bag.topics)
    assert all(bag.counts[topic] for topic in published)
    read = {message.topic for message in bag.messages([topics.target, topics.trajectory, OWN])}
    assert read == {topics.target, topics.trajectory, OWN}
