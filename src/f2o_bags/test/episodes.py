"""Episodes made in memory: two cameras, an arm, a gripper, a bridge; with whatever fault a test asks for."""

import json

import numpy as np
from f2o_bags.definitions import described
from f2o_bags.saving import save_bag
from f2o_bags.writer import BagMessage, BagTopic, BagWriter
from rosbags.typesys import Stores, get_typestore

S = 1_000_000_000
T0 = 1_700_000_000 * S
STORE = get_typestore(Stores.ROS2_KILTED)
TYPES = STORE.types
IMAGE, JOINTS, STRING = "sensor_msgs/msg/Image", "sensor_msgs/msg/JointState", "std_msgs/msg/String"
VIEWS = ("/wrist/color/image_raw", "/side/color/image_raw")
ARM, GRIPPER, COMMAND, MODE = (
    "/franka/joint_states", "/franka_gripper/joint_states", "/f2o/joint_command", "/f2o/mode"
)  # fmt: skip
HZ = dict.fromkeys(VIEWS, 30.0) | {ARM: 125.0, COMMAND: 125.0, GRIPPER: 15.0}
ARM_NAMES = [f"panda_joint{i}" for i in range(1, 8)]
FOREVER = {"sec": 9223372036, "nsec": 854775807}
LATCHED = {
    "history": "keep_last",
    "depth": 1,
    "reliability": "reliable",
    "durability": "transient_local",
    "deadline": FOREVER,
    "lifespan": FOREVER,
    "liveliness": "automatic",
    "liveliness_lease_duration": FOREVER,
    "avoid_ros_namespace_conventions": False,
}


def topics():
    kinds = dict.fromkeys(VIEWS, IMAGE) | dict.fromkeys((ARM, GRIPPER, COMMAND), JOINTS)
    return {t: BagTopic(described(STORE, k)) for t, k in kinds.items()} | {
        MODE: BagTopic(described(STORE, STRING), (LATCHED,))
    }


def header(stamp, frame=""):
    time = TYPES["builtin_interfaces/msg/Time"](stamp // S, stamp % S)
    return TYPES["std_msgs/msg/Header"](time, frame)


def image(stamp, k):
    pixels = np.random.default_rng(k).integers(0, 255, 48, dtype=np.uint8)
    return serialise(TYPES[IMAGE](header(stamp), 4, 4, "rgb8", 0, 12, pixels), IMAGE)


def joints(stamp, names, positions, source=""):
    numbers = np.array(positions, np.float64)
    return serialise(TYPES[JOINTS](header(stamp, source), names, numbers, np.zeros(0), np.zeros(0)), JOINTS)


def serialise(message, kind):
    return bytes(STORE.serialize_cdr(message, kind))


def text(words):
    return serialise(TYPES[STRING](words), STRING)


def messages(seconds=4.0, idle_s=0.2, gripper=True, moves=True, offsets=(0.0, 0.004)):
    """(topic, bytes, log time) of a good episode in order; the arm rests until `idle_s` and in the last half second."""
    out = [(MODE, text("teleop"), T0)]
    for view, offset in zip(VIEWS, offsets, strict=True):
        for k in range(int(seconds * 30)):
            stamp = T0 + round((k / 30 + offset) * S)
            out.append((view, image(stamp, k), stamp + 8_000_000))
    for k in range(int(seconds * 125)):
        t, stamp = k / 125, T0 + k * S // 125
        angle = np.clip(t - idle_s, 0.0, max(seconds - 0.5 - idle_s, 0.0)) * 0.3 * moves
        width = 0.08 if t < seconds / 2 or not gripper else 0.03
        out.append((ARM, joints(stamp, ARM_NAMES, [angle] * 7), stamp + 1_000_000))
        command = joints(stamp, [*ARM_NAMES, "gripper_width"], [*[angle] * 7, width], "teleop")
        out.append((COMMAND, command, stamp + 2_000_000))
        if k % 8 == 0:
            out.append((GRIPPER, joints(stamp, ["f1", "f2"], [width / 2] * 2), stamp + 1_500_000))
    return sorted(out, key=lambda message: message[2])


def labels(**more):
    return {"task": "toy", "success": "true", "expected_hz": json.dumps(HZ), **more}


def write(folder, name="episode_0000", content=None, finish=True, **more):
    """A bag of `content` in `folder`; without `finish` as a killed recorder leaves it."""
    writer = BagWriter(folder, name, topics(), labels(**more), "lz4")
    for k, (topic, data, log) in enumerate(messages() if content is None else content):
        writer.write(BagMessage(topic, data, log, log))
        if k % 20 == 19:
            writer.flush()
    if not finish:
        writer.abandon()
        return writer.folder
    return save_bag(writer.close(labels(**more)).folder, {})
