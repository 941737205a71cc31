"""ROS objects to and from the plain data of this package; duck-typed, so it imports without ROS."""

import json
from array import array
from typing import Any

import numpy as np

from f2o_teleop.device import Axes
from f2o_teleop.jog import JogTarget

SOURCE = "teleop"  # of the targets


def episode_state(text: str) -> str:
    """The state in the JSON of /f2o/episode/state; '' if it is malformed."""
    try:
        return str(json.loads(text)["state"])
    except (ValueError, KeyError, TypeError):
        return ""


def twist_axes(msg: Any) -> Axes:
    """The six numbers of a Twist."""
    linear, angular = msg.linear, msg.angular
    return np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z], dtype=np.float64)


def fill_target(msg: Any, target: JogTarget, stamp: Any, sequence: int) -> Any:
    """Fill a JointTarget, which has its joint names, with a target due at `stamp`; returns it."""
    msg.header.stamp, msg.source, msg.sequence = stamp, SOURCE, sequence
    msg.joint_positions = array("d", target.positions)
    msg.joint_velocities = array("d", target.velocities)
    msg.gripper_width = float(target.gripper_width)
    return msg
