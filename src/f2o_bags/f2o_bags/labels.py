"""Names of a bag's labels (custom_data of metadata.yaml: text -> text), and the versions of what wrote it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata

LABELS = "f2o_episode"  # MCAP metadata record with the labels, written first: needs no metadata.yaml

SUCCESS = "success"  # "true", "false" or "unknown"
TASK, OPERATOR, SEED, STRATEGY, SIDE = "task", "operator", "seed", "strategy", "side"
EXPECTED_HZ = "expected_hz"  # JSON of topic -> rate, from the recorder's configuration
DROPS, LOST = "drops", "lost"  # messages dropped by the recorder, and lost in transport
KEPT = (SUCCESS, SEED, SIDE, STRATEGY, TASK, OPERATOR)  # labels that a data set keeps

VERSIONED = ("f2o-bags", "f2o-teleop", "numpy", "mcap", "mujoco", "ros-rclpy")


def is_failure(labels: Mapping[str, str]) -> bool:
    """Whether the operator or the task labelled the episode a failure."""
    return labels.get(SUCCESS, "").lower() == "false"


def versions() -> dict[str, str]:
    """Versions of Python, ROS and the packages that write bags."""
    found = {"python": platform.python_version(), "ros_distro": os.environ.get("ROS_DISTRO", "unknown")}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
