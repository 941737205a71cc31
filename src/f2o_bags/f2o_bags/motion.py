"""When the arm moved in a bag, and by what one can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from f2o_bags.decode import Decoder
from f2o_bags.errors import BagError
from f2o_bags.read import Bag
from f2o_bags.targets import named_positions

COMMAND_TOPIC = "/f2o/joint_command"  # what the bridge sent; the best witness of intended motion
JOINT_STATES = "/franka/joint_states"
MOVED_RAD = 0.005  # from where the arm stood; a servo's noise is ten times smaller
MOVED_M = 0.005  # of the gripper


@dataclass(frozen=True)
class Motion:
    """The positions that one topic says: (T,) reception times [ROS ns], (T, N) joints [rad] and gripper [m]."""

    topic: str
    names: tuple[str, ...]
    log_ros_ns: Int64[np.ndarray, " t"]
    positions: Float64[np.ndarray, "t n"]

    def moving(self) -> tuple[int, int] | None:
        """Times of the first and of the last motion; None when everything stood still."""
        limits = np.array([MOVED_M if "gripper" in n or "finger" in n else MOVED_RAD for n in self.names])
        left = np.flatnonzero((np.abs(self.positions - self.positions[0]) > limits).any(1))
        arrives = np.flatnonzero((np.abs(self.positions - self.positions[-1]) > limits).any(1))
        if not len(left) or not len(arrives):
            return None
        return int(self.log_ros_ns[left[0]]), int(self.log_ros_ns[arrives[-1]])


def positions_of(bag: Bag, topic: str) -> Motion | None:
    """What ``topic`` says (JointState, or JointTarget with the gripper last); None when it says nothing usable.

    Raises:
        BagError: a message that is none.
    """
    if topic not in bag.topics:
        return None
    decode, rows, times, names = Decoder(bag), [], [], ()
    for message in bag.messages([topic]):
        said, positions = named_positions(decode(topic, message.data))
        names = names or said
        if said == names and len(positions) == len(names):
            rows.append(np.array(positions, np.float64))
            times.append(message.log_ros_ns)
    if not rows or not names:
        return None
    return Motion(topic, names, np.array(times, np.int64), np.array(rows, np.float64))


def motion(bag: Bag) -> tuple[int, int]:
    """Times [ROS ns] of the first and of the last motion, by the commands, or by the joint states without any.

    Raises:
        BagError: neither topic is there, or nothing moves.
    """
    for topic in (COMMAND_TOPIC, JOINT_STATES):
        found = positions_of(bag, topic)
        if found is not None:
            span = found.moving()
            if span is None:
                raise BagError(f"{bag.path}: nothing moves on {topic}")
            return span
    raise BagError(
        f"{bag.path}: no message on {COMMAND_TOPIC} or {JOINT_STATES}: cannot tell when the arm moves"
    )
