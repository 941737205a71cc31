"""A short episode in memory: what the bridge sent and what the arm measured."""

from pathlib import Path

import numpy as np
from f2o_bags.definitions import MessageDefinition
from f2o_bags.saving import save_bag
from f2o_bags.writer import BagMessage, BagTopic, BagWriter
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

S = 1_000_000_000
T0 = 1_700_000_000 * S
STORE = get_typestore(Stores.ROS2_KILTED)
JOINTS, TARGET = "sensor_msgs/msg/JointState", "f2o_msgs/msg/JointTarget"
STORE.register(
    get_types_from_msg(
        (Path(__file__).resolve().parents[2] / "f2o_msgs/msg/JointTarget.msg").read_text(), TARGET
    )
)
ARM, COMMAND = "/franka/joint_states", "/f2o/joint_command"
ARM_NAMES = [f"panda_joint{i}" for i in range(1, 8)]


def header(stamp_ns):
    time = STORE.types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, S))
    return STORE.types["std_msgs/msg/Header"](time, "")


def joints(stamp_ns, positions):
    state = STORE.types[JOINTS](header(stamp_ns), ARM_NAMES, np.array(positions), np.zeros(0), np.zeros(0))
    return bytes(STORE.serialize_cdr(state, JOINTS))


def target(stamp_ns, number, positions, width):
    head, never = header(stamp_ns), STORE.types["builtin_interfaces/msg/Time"](0, 0)
    arrays = np.array(positions), np.zeros(0)
    message = STORE.types[TARGET](head, "teleop", number, never, ARM_NAMES, *arrays, width)
    return bytes(STORE.serialize_cdr(message, TARGET))


def topic(name):
    return BagTopic(MessageDefinition(name, *STORE.generate_msgdef(name, ros_version=2)))


def write(folder, seconds=4.0):
    """All joints move at 0.3 rad/s from 0.2 s to 3.5 s; the gripper closes at half time."""
    writer = BagWriter(folder, "episode_0000", {ARM: topic(JOINTS), COMMAND: topic(TARGET)}, {})
    for k in range(int(seconds * 125)):
        t, stamp = k / 125, T0 + k * S // 125
        angle = float(np.clip(t - 0.2, 0.0, seconds - 0.7)) * 0.3
        width = 0.08 if t < seconds / 2 else 0.03
        writer.write(BagMessage(ARM, joints(stamp, [angle] * 7), stamp, stamp))
        writer.write(BagMessage(COMMAND, target(stamp, k, [angle] * 7, width), stamp, stamp))
    return save_bag(writer.close({}).folder, {})
