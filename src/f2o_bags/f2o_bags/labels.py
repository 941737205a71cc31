"""What a bag says of itself: names of its labels (custom_data of metadata.yaml, text by text), and who wrote it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata

LABELS = (
    "f2o_episode"  # the MCAP metadata record with the labels, written first: there when metadata.yaml is not
)

SUCCESS = "success"  # "true", "false" or "unknown"
TASK, OPERATOR, SEED, STRATEGY, SIDE = "task", "operator", "seed", "strategy", "side"
EXPECTED_HZ = "expected_hz"  # JSON of topic -> rate, as the recorder's configuration has it
DROPS, LOST = "drops", "lost"  # messages that the recorder had to drop, and that DDS did not bring
KEPT = (SUCCESS, SEED, SIDE, STRATEGY, TASK, OPERATOR)  # what a data set says of an episode, too

VERSIONED = ("f2o-bags", "f2o-teleop", "numpy", "mcap", "mujoco", "ros-rclpy")


def is_failure(labels: Mapping[str, str]) -> bool:
    """Whether a person or a task called the episode a failure."""
    return labels.get(SUCCESS, "").lower() == "false"


def versions() -> dict[str, str]:
    """Versions of what writes a bag."""
    found = {"python": platform.python_version(), "ros_distro": os.environ.get("ROS_DISTRO", "unknown")}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
