"""What every bag says of itself, whoever moved the arm: custom_data of its metadata.yaml, text by text."""

import json
import os
import platform
from collections.abc import Mapping
from importlib import metadata

from f2o_teleop.recorder_config import RecorderConfig

VERSIONED = ("f2o-teleop", "numpy", "mcap", "mujoco", "ros-rclpy")


def versions() -> dict[str, str]:
    """Versions of what wrote the bag."""
    found = {"python": platform.python_version(), "ros_distro": os.environ.get("ROS_DISTRO", "unknown")}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def standing_labels(
    config: RecorderConfig, index: int, software: Mapping[str, str], calibration: str
) -> dict[str, str]:
    """The labels of episode ``index`` before anybody has said more about it."""
    return {
        "task": config.task,
        "operator": config.operator,
        "seed": str(config.seed),
        "success": "unknown",
        "index": str(index),
        "versions": json.dumps(software),
        "expected_hz": json.dumps(config.expected_hz()),
        "calibration": calibration,
        **config.extra_labels,
    }
