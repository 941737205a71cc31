"""Live is offline: what the perception node publishes of a bag that is played is what the conversion reads in it."""

import dataclasses
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import test_bags as b
import yaml
from f2o_bags.play import Player, PlayOptions
from f2o_bags.read import open_bag
from f2o_policy.data.replay import BagReplay

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("f2o_msgs.msg", reason="f2o_msgs is not built (colcon build)")
from f2o_bags.player_node import PlayerNode  # noqa: E402
from f2o_perception.convert import observation_from_msg  # noqa: E402

from f2o_msgs.msg import Observation as ObservationMsg  # noqa: E402

perception = b.perception
CALM_NS = 10_000_000_000  # between the episodes, so that no clock goes back


def in_one_topic(content):
    for topic, t_ns, message in content:
        yield "/joint_states" if topic.endswith("joint_states") else topic, t_ns, message


def without_cuts(content):
    """All that a driver can publish: bytes that are no message cannot be."""
    return b.spoiled(content, [kind for kind in b.SPOILS if "cut" not in kind])[0]


WAYS = {
    "good": lambda content: content,
    "spoiled": without_cuts,
    "joints behind by 80 ms": lambda content: b.joints_behind(content, 80_000_000),
    "joints behind by 150 ms": lambda content: b.joints_behind(content, 150_000_000),
}


@pytest.fixture(scope="module", params=["two topics", "one topic"])
def node(request, perception, tmp_path_factory):
    """The node, with the topics' names, and what it publishes."""
    topics = dict.fromkeys(("joint_states", "gripper_joint_states"), "/joint_states")
    topics = topics if request.param == "one topic" else {}
    config = dataclasses.replace(perception, topics=dataclasses.replace(perception.topics, **topics))
    file = tmp_path_factory.mktemp("node") / "perception.yaml"
    keys = ("views", "calibration", "points", "image_size")
    tree = {key: getattr(config, key) for key in keys} | {"views": list(b.VIEWS), "topics": topics}
    file.write_text(yaml.safe_dump(tree | {"workspace": {"z": [-0.5, 0.6]}}))
    command = [sys.executable, "-m", "f2o_perception.perception_node", "--ros-args", "-p", f"config:={file}"]
    environment = {**os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    rclpy.init()
    listener, seen = rclpy.create_node("listener"), []
    listener.create_subscription(ObservationMsg, "/f2o/observation", seen.append, 100)
    with subprocess.Popen(command, env=environment) as process:
        yield config, listener, seen
        process.terminate()
    listener.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize("way", WAYS)
def test_the_node_publishes_what_the_conversion_reads(node, tmp_path, way, monkeypatch):
    config, listener, seen = node
    monkeypatch.setattr(b, "START_NS", b.START_NS + CALM_NS * (1 + list(WAYS).index(way)))
    content = WAYS[way](list(b.good_messages(1.6)))
    if config.topics.joint_states == config.topics.gripper_joint_states:
        content = in_one_topic(content)
    bag = open_bag(b.stored_as(tmp_path / "bag", content))
    replay = BagReplay(config)
    replay.read(bag)
    offline = {o.stamp_ros_ns: o for o in replay.observations}
    seen.clear()
    options = PlayOptions(speed=0.5)
    player = PlayerNode(bag, options)
    deadline = time.monotonic() + 60
    while listener.count_publishers("/f2o/observation") == 0:
        assert time.monotonic() < deadline, "the node did not appear"
        rclpy.spin_once(listener, timeout_sec=0.1)

    player.wait_for_subscribers(30.0, threading.Event())

    def sleep(seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            rclpy.spin_once(listener, timeout_sec=left)
        return False

    Player(bag, options, player, sleep).play(progress=False)
    sleep(1.0)
    player.destroy_node()
    live = {o.stamp_ros_ns: o for o in map(observation_from_msg, seen)}
    assert set(live) <= set(offline)
    assert len(live) >= 0.7 * len(offline)  # a loaded machine may lose images, which are sent best effort
    assert bool(live) == (way != "joints behind by 150 ms")
    for stamp, one in live.items():
        other = offline[stamp]
        np.testing.assert_array_equal(one.rgb, other.rgb)
        np.testing.assert_array_equal(one.depth_mm, other.depth_mm)
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.view_stamps_ros_ns, other.view_stamps_ros_ns)
        np.testing.assert_allclose(one.joint_positions, other.joint_positions, atol=1e-6)
        assert one.gripper_width == other.gripper_width
