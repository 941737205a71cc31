"""What a late subscriber would receive, which the recorder, trim and play repeat where they start."""

from __future__ import annotations

from typing import Any

from rosbags.typesys import Stores, get_typestore

from f2o_bags.writer import BagMessage

TRANSFORMS = "tf2_msgs/msg/TFMessage"


class Latched:
    """Keeps the last message of each latched topic, and of transforms the last that says where each frame is.

    The transforms of a cell come from several publishers on one topic, each of its own frames, and a bag does not say
    whose a message is.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[frozenset[str], bytes]]] = {}

    def keep(self, topic: str, type_name: str, data: bytes) -> None:
        """Take in one serialised message; those before it that say nothing else are dropped."""
        frames = _frames(data) if type_name == TRANSFORMS else frozenset[str]()
        before = [(said, other) for said, other in self._kept.get(topic, []) if not said <= frames]
        self._kept[topic] = [*before, (frames, data)]

    def messages(self, now_ros_ns: int) -> list[BagMessage]:
        """What is kept, as received at ``now_ros_ns``."""
        return [
            BagMessage(topic, data, now_ros_ns, now_ros_ns)
            for topic, kept in self._kept.items()
            for _, data in kept
        ]


def _frames(data: bytes) -> frozenset[str]:
    """The frames that a message of transforms places; none where its bytes are no such message."""
    try:
        message: Any = get_typestore(Stores.LATEST).deserialize_cdr(data, TRANSFORMS)
    except Exception:  # from rosbags: wrong bytes may raise anything
        return frozenset()
    return frozenset(one.child_frame_id for one in message.transforms)
