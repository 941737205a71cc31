"""One episode as a bag in rosbag2's layout: a folder with one MCAP file and metadata.yaml (version 9: Jazzy and on).

Written here by hand because rosbags' writer keeps a chunk in memory until it is full, and writes the index last.

Until it is saved (``saving``) the folder is called `<name>.partial`. Everything flushed survives a SIGKILL: each
flush closes a chunk with its index, so nothing waits in a buffer, and the finished file can be searched and played in
order of time (rosbag2 reads files without chunks in file order only).
"""

import contextlib
import fcntl
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.stamps import NS_PER_S
from mcap.writer import CompressionType, Writer

from f2o_bags.definitions import MessageDefinition, known_definition
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS, LABELS_TOPIC, to_cdr
from f2o_bags.metadata import sync_folder, write_metadata
from f2o_bags.topics import is_command, stored_name

VERSION = 9
PARTIAL = ".partial"  # ending of a recording that is not saved yet
COPYING = ".copying"  # ending of a copy that is being written
CHUNK_BYTES = 32 << 20  # bound of a chunk between two flushes, each of which ends one
COMPRESSIONS = {"none": CompressionType.NONE, "lz4": CompressionType.LZ4, "zstd": CompressionType.ZSTD}
QosProfile = dict[str, Any]  # one offered QoS profile with rosbag2's keys
_FOREVER = {"sec": 9223372036, "nsec": 854775807}
LATCHED_QOS: QosProfile = {
    "history": "keep_last",
    "depth": 1,
    "reliability": "reliable",
    "durability": "transient_local",
    "deadline": _FOREVER,
    "lifespan": _FOREVER,
    "liveliness": "automatic",
    "liveliness_lease_duration": _FOREVER,
    "avoid_ros_namespace_conventions": False,
}


@dataclass(frozen=True)
class BagMessage:
    """One serialised message (CDR)."""

    topic: str  # its own name, also where the bag stores it under another
    data: bytes
    log_ros_ns: int  # time of reception
    publish_ros_ns: int


@dataclass(frozen=True)
class BagTopic:
    """One recorded topic."""

    definition: MessageDefinition
    offered_qos: tuple[QosProfile, ...] = ()  # of its publishers; empty: there was none
    command: bool = False  # a command that neither its name nor its type gives away (topics.is_command)
    serialization: str = "cdr"

    def stored(self, topic: str) -> str:
        """The name of ``topic`` inside a bag: a command has a prefix (see ``topics``)."""
        return stored_name(topic, self.command or is_command(topic, self.definition.name))

    @property
    def latched(self) -> bool:
        """Whether a publisher offered its last message to late joiners (transient local)."""
        return any(profile.get("durability") in ("transient_local", 1) for profile in self.offered_qos)


@dataclass(frozen=True)
class BagSummary:
    """Contents of a closed bag."""

    folder: Path
    counts: dict[str, int]  # topic -> messages
    start_ros_ns: int  # reception of the first message, 0 in an empty bag
    end_ros_ns: int
    size_bytes: int
    left_out: tuple[str, ...] = ()  # parts of what it was made from, and why each could not be read

    @property
    def messages(self) -> int:
        """Number of all messages."""
        return sum(self.counts.values())

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last message."""
        return (self.end_ros_ns - self.start_ros_ns) / NS_PER_S

    def __str__(self) -> str:
        size = f"{self.size_bytes / 1e6:.1f} MB"
        return f"{self.folder}: {self.duration_s:.2f} s, {self.messages} messages, {size}"


class BagWriter:
    """Writes serialised messages into one new bag; not thread-safe, one owner at a time."""

    def __init__(
        self,
        output: Path,
        name: str,
        topics: Mapping[str, BagTopic],
        custom: Mapping[str, str],
        compression: str = "none",
        unfinished: str = PARTIAL,
    ) -> None:
        """Open `output/name.partial/name_0.mcap` with every topic declared and `custom` inside the file.

        Args:
            output: folder of all bags.
            name: of this one.
            topics: what can be written.
            custom: labels; `close` may give others.
            compression: of the chunks: none, lz4 or zstd.
            unfinished: ending of the folder's name until it is renamed.

        Raises:
            BagError: the folder exists, or cannot be made.
        """
        self.folder = output / f"{name}{unfinished}"
        self.name = name
        try:
            self.folder.mkdir(parents=True)
            self._file = (self.folder / f"{name}_0.mcap").open("xb", buffering=1 << 16)
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(
                    self._file, fcntl.LOCK_EX
                )  # tells `f2o bag recover` that the bag is being written
        except OSError as error:
            raise BagError(f"{self.folder}: cannot make a new bag: {error.strerror}") from error
        self._topics = {topic: info for topic, info in topics.items() if topic != LABELS_TOPIC}
        self._custom, self._told = dict(custom), 0
        self.counts = dict.fromkeys(self._topics, 0)
        self._first_ns, self._last_ns = sys.maxsize, 0
        self._writer = Writer(self._file, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression])
        self._writer.start("ros2", "f2o_bags")
        self._writer.add_metadata(LABELS, dict(custom))  # also there when metadata.yaml is not
        self._schemas: dict[MessageDefinition, int] = {}
        told = {LABELS_TOPIC: labels_topic()}
        self._channels = {
            topic: self._declare(topic, info) for topic, info in {**self._topics, **told}.items()
        }
        self._file.flush()
        self.sync()
        for place in (self.folder, output):
            sync_folder(place)

    def _declare(self, topic: str, info: BagTopic) -> int:
        """Register a topic and its type; its channel number."""
        definition = info.definition
        if definition not in self._schemas:
            self._schemas[definition] = (
                self._writer.register_schema(definition.name, definition.encoding, definition.text.encode())
                if definition.encoding
                else 0  # MCAP's number for none
            )
        schema = self._schemas[definition]
        return self._writer.register_channel(
            info.stored(topic), info.serialization, schema, channel_metadata(info)
        )

    def write(self, message: BagMessage) -> None:
        """Append one message; OSError when the disk fails."""
        topic, log_ns, count = message.topic, message.log_ros_ns, self.counts[message.topic]
        if not self._told:
            self._tell(self._custom, log_ns)
        self._writer.add_message(
            self._channels[topic], log_ns, message.data, message.publish_ros_ns, sequence=count
        )
        self.counts[topic] = count + 1
        self._first_ns, self._last_ns = min(self._first_ns, log_ns), max(self._last_ns, log_ns)

    def _tell(self, labels: Mapping[str, str], log_ns: int) -> None:
        """Write the labels as a message, too: rosbag2's tools copy messages, and neither metadata nor custom_data."""
        self._writer.add_message(
            self._channels[LABELS_TOPIC], log_ns, to_cdr(labels), log_ns, sequence=self._told
        )
        self._told += 1

    def flush(self) -> None:
        """Hand everything written so far to the kernel: a kill of this process then loses none of it."""
        self._writer.flush()

    def sync(self) -> None:
        """Put everything flushed so far on the disk: a power cut then loses none of it."""
        os.fsync(self._file.fileno())

    def close(self, custom: Mapping[str, str]) -> BagSummary:
        """Finish the file and write metadata.yaml; the bag is complete, still under its partial name."""
        empty = not any(self.counts.values())
        start, end = (0, 0) if empty else (self._first_ns, self._last_ns)
        if not empty:
            self._tell(custom, end)
        metadata = self._metadata(start, end, custom)
        self._writer.add_metadata(
            "rosbag2", {"serialized_metadata": yaml.safe_dump(metadata, sort_keys=False)}
        )
        self._writer.finish()
        self._file.flush()
        self.sync()
        size = self._file.tell()
        self._file.close()
        write_metadata(self.folder, metadata)
        return BagSummary(self.folder, dict(self.counts), start, end, size)

    def abandon(self) -> None:
        """Close the file as it is: truncated, and readable as far as it was flushed."""
        with contextlib.suppress(OSError):  # a full disk refuses the last buffer once more
            self._file.close()

    def _metadata(self, start: int, end: int, custom: Mapping[str, str]) -> dict[str, Any]:
        """The body of metadata.yaml, rosbag2_storage's schema version 9."""
        span = {"duration": {"nanoseconds": end - start}, "starting_time": {"nanoseconds_since_epoch": start}}
        total = sum(self.counts.values()) + self._told
        topics = {topic: (info, self.counts[topic]) for topic, info in self._topics.items()}
        topics |= {LABELS_TOPIC: (labels_topic(), self._told)}
        file = f"{self.name}_0.mcap"
        return {
            "version": VERSION,
            "storage_identifier": "mcap",
            **span,
            "message_count": total,
            "topics_with_message_count": [_topic_metadata(topic, *told) for topic, told in topics.items()],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [file],
            "files": [{"path": file, **span, "message_count": total}],
            "custom_data": dict(custom),
            "ros_distro": os.environ.get("ROS_DISTRO", "unknown"),
        }


def labels_topic() -> BagTopic:
    """The topic of the labels, latched."""
    return BagTopic(known_definition("std_msgs/msg/String"), (LATCHED_QOS,))


def channel_metadata(info: BagTopic) -> dict[str, str]:
    """A channel's metadata, as rosbag2 writes it."""
    return {
        "offered_qos_profiles": yaml.safe_dump(list(info.offered_qos), sort_keys=False),
        "topic_type_hash": info.definition.hash,
    }


def _topic_metadata(topic: str, info: BagTopic, count: int) -> dict[str, Any]:
    return {
        "topic_metadata": {
            "name": info.stored(topic),
            "type": info.definition.name,
            "serialization_format": info.serialization,
            "offered_qos_profiles": list(info.offered_qos),
            "type_description_hash": info.definition.hash,
        },
        "message_count": count,
    }
