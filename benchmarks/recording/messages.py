"""Serialised camera and robot messages without a camera or a robot."""

from __future__ import annotations

from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_KILTED)
IMAGE, INFO, JOINTS = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo", "sensor_msgs/msg/JointState"


def image(width: int, height: int, depth: bool, seed: int = 0) -> bytes:
    """An Image of noise, which no compression makes smaller: rgb8, or 16UC1 with ``depth``."""
    bytes_a_pixel, encoding = (2, "16UC1") if depth else (3, "rgb8")
    pixels = np.random.default_rng(seed).integers(0, 255, width * height * bytes_a_pixel, np.uint8)
    return _serialised(IMAGE, _header(), height, width, encoding, 0, width * bytes_a_pixel, pixels)


def camera_info(width: int, height: int) -> bytes:
    """A CameraInfo of a pinhole."""
    k = np.array([600.0, 0, width / 2, 0, 600.0, height / 2, 0, 0, 1])
    p = np.array([600.0, 0, width / 2, 0, 0, 600.0, height / 2, 0, 0, 0, 1, 0])
    region = STORE.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    lens = ("plumb_bob", np.zeros(5), k, np.eye(3).reshape(-1), p)
    return _serialised(INFO, _header(), height, width, *lens, 0, 0, region)


def joint_state(names: list[str], positions: list[float]) -> bytes:
    """A JointState at rest."""
    numbers = np.array(positions, np.float64)
    return _serialised(JOINTS, _header(), names, numbers, np.zeros(len(names)), np.zeros(0))


def _header() -> Any:
    return STORE.types["std_msgs/msg/Header"](STORE.types["builtin_interfaces/msg/Time"](0, 0), "camera")


def _serialised(kind: str, *fields: Any) -> bytes:
    return bytes(STORE.serialize_cdr(STORE.types[kind](*fields), kind))
