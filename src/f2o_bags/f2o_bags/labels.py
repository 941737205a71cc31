"""Names of a bag's labels (custom_data of metadata.yaml: text -> text), and the versions of what wrote it."""

from __future__ import annotations

import json
import os
import platform
import struct
from collections.abc import Mapping
from importlib import metadata as packages

import yaml

METADATA_KEY = "rosbag2_bagfile_information"  # of metadata.yaml, above all the rest
LABELS = "f2o_episode"  # MCAP metadata record with the labels, written first: needs no metadata.yaml

LABELS_TOPIC = "/f2o/episode/labels"
"""Latched String with the labels as JSON, first and last in a bag: what ros2 bag's convert and split keep of them."""

SUCCESS = "success"  # "true", "false" or "unknown"
ROBOT = "robot"  # name of the arm
TASK, OPERATOR, SEED, STRATEGY, SIDE = "task", "operator", "seed", "strategy", "side"
EXPECTED_HZ = "expected_hz"  # JSON of topic -> rate, from the recorder's configuration
DROPS, LOST = "drops", "lost"  # messages dropped by the recorder, and lost in transport
KEPT = (SUCCESS, SEED, SIDE, STRATEGY, TASK, OPERATOR, ROBOT)  # labels that a data set keeps

VERSIONED = ("f2o-bags", "f2o-teleop", "numpy", "mcap", "mujoco", "ros-rclpy")


def custom_labels(text: str) -> dict[str, str]:
    """The labels in a metadata.yaml, or in a copy of its body; none where it is not as expected.

    As text: rosbag2 writes values without quotes, and a task ``no`` is no boolean, a seed ``007`` no 7.

    Raises:
        YAMLError: it is no YAML.
    """
    tree = yaml.BaseLoader(text).get_single_data()  # strings, lists and mappings of them, and nothing else
    body = tree.get(METADATA_KEY, tree) if isinstance(tree, dict) else {}
    found = body.get("custom_data") if isinstance(body, dict) else None
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def to_cdr(labels: Mapping[str, str]) -> bytes:
    """The std_msgs/String of ``LABELS_TOPIC``, serialised."""
    text = json.dumps(dict(labels)).encode() + b"\0"
    return b"\0\1\0\0" + struct.pack("<I", len(text)) + text


def from_cdr(data: bytes) -> dict[str, str]:
    """The labels in a message of ``LABELS_TOPIC``; none where it is not as expected."""
    try:
        found = json.loads(data[8:].rstrip(b"\0"))
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


FAILURE = "is labelled a failure"
UNLABELLED = "nobody judged it: no label success, true or false (--unlabelled takes it all the same)"


def is_unlabelled(labels: Mapping[str, str]) -> bool:
    """Whether nobody judged the episode: a label that got lost looks the same."""
    return labels.get(SUCCESS, "").lower() not in ("true", "false")


def is_failure(labels: Mapping[str, str]) -> bool:
    """Whether the operator or the task labelled the episode a failure."""
    return labels.get(SUCCESS, "").lower() == "false"


def versions() -> dict[str, str]:
    """Versions of Python, ROS and the packages that write bags."""
    found = {"python": platform.python_version(), "ros_distro": os.environ.get("ROS_DISTRO", "unknown")}
    for name in VERSIONED:
        try:
            found[name] = packages.version(name)
        except packages.PackageNotFoundError:
            continue
    return found
