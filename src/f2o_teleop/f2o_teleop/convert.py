"""ROS objects to and from the plain data of this package; duck-typed, so it imports without ROS."""

import importlib
import json
from array import array
from typing import Any, TypeVar

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_teleop.errors import DefinitionError
from f2o_teleop.hand import Axes
from f2o_teleop.jog import JogTarget

GRIPPER = "gripper_width"  # name of the last entry of a target [m]
SOURCE = "teleop"  # frame_id of its targets
M = TypeVar("M")
_POLICIES = ("history", "depth", "reliability", "durability")


def message_class(name: str) -> type:
    """The rclpy class of package/msg/Type.

    Raises:
        DefinitionError: its Python package is not installed.
    """
    package, _, message = name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), message)
    except (ImportError, AttributeError) as error:
        raise DefinitionError(f"{name}: no Python class installed: {error}") from None


def qos_to_metadata(profile: Any) -> dict[str, Any]:
    """One rclpy QoSProfile with the keys and words of rosbag2's metadata.yaml version 9."""
    policies = {key: _word(getattr(profile, key)) for key in _POLICIES}
    return {
        **policies,
        "deadline": _duration(profile.deadline),
        "lifespan": _duration(profile.lifespan),
        "liveliness": _word(profile.liveliness),
        "liveliness_lease_duration": _duration(profile.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": bool(profile.avoid_ros_namespace_conventions),
    }


def _word(policy: Any) -> str | int:
    return policy.name.lower() if hasattr(policy, "name") else int(policy)


def _duration(duration: Any) -> dict[str, int]:
    return {"sec": duration.nanoseconds // NS_PER_S, "nsec": duration.nanoseconds % NS_PER_S}


def joint_positions(msg: Any, names: tuple[str, ...]) -> Float64[np.ndarray, " n"] | None:
    """Positions of a JointState in the order of `names`; None when one is missing or not finite."""
    index = {name: place for place, name in enumerate(msg.name)}
    if any(index.get(name, len(msg.position)) >= len(msg.position) for name in names):
        return None
    positions = np.array([msg.position[index[name]] for name in names], dtype=np.float64)
    return positions if np.isfinite(positions).all() else None


def episode_state(text: str) -> str:
    """The state in the JSON of /f2o/episode/state; '' when it is not the recorder's."""
    try:
        return str(json.loads(text)["state"])
    except (ValueError, KeyError, TypeError):
        return ""


def twist_axes(msg: Any) -> Axes:
    """The six numbers of a Twist."""
    linear, angular = msg.linear, msg.angular
    return np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z], dtype=np.float64)


def target_message(msg: M, names: list[str], target: JogTarget, stamp: Any) -> M:
    """Fills a JointState with a target: joints, then the gripper's width; due at `stamp`, from "teleop"."""
    msg.header.stamp = stamp  # type: ignore[attr-defined]
    msg.header.frame_id = SOURCE  # type: ignore[attr-defined]
    msg.name = names  # type: ignore[attr-defined]
    msg.position = array("d", [*target.positions, target.gripper_width])  # type: ignore[attr-defined]
    msg.velocity = array("d", [*target.velocities, 0.0])  # type: ignore[attr-defined]
    return msg
