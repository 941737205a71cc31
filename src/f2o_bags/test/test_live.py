"""`f2o bag play` over DDS. Skipped where there is no ROS."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import episodes as e
import pytest
from f2o_bags.definitions import MessageDefinition
from f2o_bags.writer import BagMessage, BagTopic, BagWriter

rclpy = pytest.importorskip("rclpy", reason="no rclpy: nothing can be played")
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from sensor_msgs.msg import Image, JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

WAIT_S = 30.0
ODD = "/odd"
PACKAGE = Path(__file__).parents[1]
F2O = """
import argparse, sys
from f2o_nodekit.errors import F2oError
from f2o_bags import commands
root = argparse.ArgumentParser()
commands.add(root.add_subparsers())
arguments = root.parse_args(["bag", *sys.argv[1:]])
try:
    sys.exit(arguments.run(arguments))
except F2oError as error:
    sys.exit(f"f2o bag: {error}")
"""


@pytest.fixture
def env(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "35")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PACKAGE), *filter(None, sys.path)]))
    for key, value in {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA",
    }.items():
        monkeypatch.setenv(key, os.environ.get(key, value))


@pytest.fixture
def ear(env):
    """Hears everything that is played."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("ear", context=context)
    node.heard = {e.ARM: [], e.VIEWS[0]: [], e.MODE: []}
    for topic, kind in ((e.ARM, JointState), (e.VIEWS[0], Image)):
        node.create_subscription(kind, topic, node.heard[topic].append, 1000, raw=True)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(String, e.MODE, node.heard[e.MODE].append, latched, raw=True)
    executor, ended = SingleThreadedExecutor(context=context), threading.Event()
    executor.add_node(node)

    def spin():
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    yield node
    ended.set()
    thread.join()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)


def start(*words):
    words = [sys.executable, "-c", F2O, "play", *map(str, words)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_every_message_arrives_as_it_was_recorded_at_true_speed(ear, tmp_path):
    process = start(e.write(tmp_path))
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    assert "messages, 3.99 s of the bag in " in out and "3 of 5 topics had a subscriber" in out
    for topic, got in ear.heard.items():
        sent = [data for t, data, _ in e.messages() if t == topic]
        assert len(got) == len(sent), topic
        # DDS pads to four bytes
        assert all(bytes(raw).startswith(data) for raw, data in zip(got, sent, strict=True)), topic


def test_a_late_subscriber_gets_what_was_latched_before_the_start_offset(ear, tmp_path):
    topics = e.topics() | {ODD: BagTopic(MessageDefinition("odd_msgs/msg/Odd", "uint8 a\n"))}
    writer = BagWriter(tmp_path, "a", topics, e.labels())
    writer.write(BagMessage(ODD, b"\0\1\0\0\7", e.T0, e.T0))  # of a type that nobody has here
    for topic, data, log in e.messages():
        writer.write(BagMessage(topic, data, log, log))
    process = start(writer.close(e.labels()).folder, "--start-offset", "2.0")
    deadline = time.monotonic() + WAIT_S
    while len(ear.heard[e.ARM]) < 20 and time.monotonic() < deadline:
        time.sleep(0.02)
    late = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    ear.create_subscription(String, e.MODE, late.append, latched)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    assert "/odd is left out: odd_msgs/msg/Odd: no package of messages odd_msgs" in err
    assert [message.data for message in late] == ["teleop"]
    sent = [data for t, data, log in e.messages() if t == e.ARM and log >= e.T0 + 2 * e.S]
    assert len(ear.heard[e.ARM]) == len(sent)
    assert " 1.99 s of the bag in " in out


def test_ctrl_c_ends_it_without_a_word(ear, tmp_path):
    process = start(e.write(tmp_path), "--loop")
    deadline = time.monotonic() + WAIT_S
    while len(ear.heard[e.ARM]) < 20 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert "messages, " in out


def test_it_does_not_talk_into_a_live_topic(ear, tmp_path):
    ear.create_publisher(JointState, e.ARM, 10)
    bag = e.write(tmp_path)
    process = start(bag)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert err.strip().endswith("/franka/joint_states: ear publishes it too; stop that, or leave it out with "
                                "--exclude /franka/joint_states")  # fmt: skip
    assert not ear.heard[e.ARM]
    process = start(bag, "--speed", "max", "--exclude", e.ARM)
    assert process.communicate(timeout=WAIT_S) and process.returncode == 0
