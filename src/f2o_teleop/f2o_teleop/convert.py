"""ROS objects to and from the plain data of this package; duck-typed, so it imports without ROS."""

import json
from array import array
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float64

from f2o_teleop.hand import Axes
from f2o_teleop.jog import JogTarget

GRIPPER = "gripper_width"  # name of the last entry of a target [m]
SOURCE = "teleop"  # frame_id of its targets
M = TypeVar("M")


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
