"""A short episode in memory: what the bridge sent and what the arm measured."""

import numpy as np
from f2o_bags.definitions import MessageDefinition
from f2o_bags.writer import BagTopic, BagWriter, keep
from rosbags.typesys import Stores, get_typestore

S = 1_000_000_000
T0 = 1_700_000_000 * S
STORE = get_typestore(Stores.ROS2_KILTED)
JOINTS = "sensor_msgs/msg/JointState"
ARM, COMMAND = "/franka/joint_states", "/f2o/joint_command"
ARM_NAMES = [f"panda_joint{i}" for i in range(1, 8)]


def joints(stamp_ns, names, positions):
    time = STORE.types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, S))
    header = STORE.types["std_msgs/msg/Header"](time, "teleop")
    state = STORE.types[JOINTS](header, names, np.array(positions), np.zeros(0), np.zeros(0))
    return bytes(STORE.serialize_cdr(state, JOINTS))


def write(folder, seconds=4.0):
    """All joints move at 0.3 rad/s from 0.2 s to 3.5 s; the gripper closes at half time."""
    topic = BagTopic(MessageDefinition(JOINTS, *STORE.generate_msgdef(JOINTS, ros_version=2)))
    writer = BagWriter(folder, "episode_0000", {ARM: topic, COMMAND: topic}, {})
    for k in range(int(seconds * 125)):
        t, stamp = k / 125, T0 + k * S // 125
        angle = float(np.clip(t - 0.2, 0.0, seconds - 0.7)) * 0.3
        sent = [*[angle] * 7, 0.08 if t < seconds / 2 else 0.03]
        writer.write(ARM, joints(stamp, ARM_NAMES, [angle] * 7), stamp, stamp)
        writer.write(COMMAND, joints(stamp, [*ARM_NAMES, "gripper_width"], sent), stamp, stamp)
    return keep(writer.close({}).folder, {})
