"""One episode as a bag in rosbag2's layout: a folder with one MCAP file and metadata.yaml (version 9: Jazzy and on).

Written here by hand because rosbags' writer keeps a chunk in memory until it is full, and indexes at the end alone.

While it is written the folder is called `<name>.partial`; `keep` gives it its name. Everything flushed survives a
SIGKILL: each flush closes a chunk with its index, so nothing waits in a buffer, and the finished file seeks and plays
in time order (rosbag2 reads files without chunks in file order only).
"""

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.stamps import NS_PER_S
from mcap.writer import CompressionType, Writer

from f2o_bags.definitions import MessageDefinition
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS
from f2o_bags.topics import is_command, stored_name

VERSION = 9
PARTIAL = ".partial"  # of a recording that nobody has kept yet
COPYING = ".copying"  # of a copy that is being written
# A chunk ends with a flush, not at a size; this only bounds a flush that never comes.
CHUNK_BYTES = 32 << 20
COMPRESSIONS = {"none": CompressionType.NONE, "lz4": CompressionType.LZ4, "zstd": CompressionType.ZSTD}
QosProfile = dict[str, Any]  # one offered QoS profile with rosbag2's keys


@dataclass(frozen=True)
class BagTopic:
    """One recorded topic."""

    definition: MessageDefinition
    offered_qos: tuple[QosProfile, ...] = ()  # of its publishers; empty: nobody was there
    command: bool = False  # somebody acts on it, although neither name nor type tell (topics.is_command)
    serialization: str = "cdr"

    def stored(self, topic: str) -> str:
        """The name of ``topic`` inside a bag: another one where somebody acts on it (see ``topics``)."""
        return stored_name(topic, self.command or is_command(topic, self.definition.name))


@dataclass(frozen=True)
class BagSummary:
    """What lies in a closed bag."""

    folder: Path
    counts: dict[str, int]  # topic -> messages
    start_ros_ns: int  # log time of the first message, 0 in an empty bag
    end_ros_ns: int
    size_bytes: int

    @property
    def messages(self) -> int:
        """All messages."""
        return sum(self.counts.values())

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last message."""
        return (self.end_ros_ns - self.start_ros_ns) / NS_PER_S


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
        """Opens `output/name.partial/name_0.mcap` with every topic declared and `custom` inside the file.

        Args:
            output: folder of all bags.
            name: of this one.
            topics: what can be written.
            custom: labels; `close` may give others.
            compression: of the chunks.
            unfinished: ending of the folder's name until somebody renames it.

        Raises:
            BagError: the folder exists, or cannot be made.
        """
        self.folder = output / f"{name}{unfinished}"
        self.name = name
        try:
            self.folder.mkdir(parents=True)
            self._file = (self.folder / f"{name}_0.mcap").open("xb", buffering=1 << 16)
            with contextlib.suppress(OSError):  # some network disks know no locks
                fcntl.flock(self._file, fcntl.LOCK_EX)  # says to `f2o bag recover` that somebody is at it
        except OSError as error:
            raise BagError(f"{self.folder}: cannot make a new bag: {error.strerror}") from error
        self._topics = dict(topics)
        self.counts = dict.fromkeys(topics, 0)
        self._first_ns, self._last_ns = sys.maxsize, 0
        self._writer = Writer(self._file, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression])
        self._writer.start("ros2", "f2o_bags")
        self._writer.add_metadata(LABELS, dict(custom))  # also there when metadata.yaml is not
        self._channels = self._declare()
        self._file.flush()

    def _declare(self) -> dict[str, int]:
        schemas: dict[MessageDefinition, int] = {}
        return {topic: self._declare_one(topic, info, schemas) for topic, info in self._topics.items()}

    def _declare_one(self, topic: str, info: BagTopic, schemas: dict[MessageDefinition, int]) -> int:
        definition = info.definition
        if definition not in schemas:
            schemas[definition] = (
                self._writer.register_schema(definition.name, definition.encoding, definition.text.encode())
                if definition.encoding
                else 0  # MCAP's number for none
            )
        about = {
            "offered_qos_profiles": yaml.safe_dump(list(info.offered_qos), sort_keys=False),
            "topic_type_hash": definition.hash,
        }
        stored = info.stored(topic)
        return self._writer.register_channel(stored, info.serialization, schemas[definition], about)

    def write(self, topic: str, data: bytes, log_ros_ns: int, publish_ros_ns: int) -> None:
        """Appends one serialised message, received and published at these times."""
        count = self.counts[topic]
        self._writer.add_message(self._channels[topic], log_ros_ns, data, publish_ros_ns, sequence=count)
        self.counts[topic] = count + 1
        self._first_ns, self._last_ns = min(self._first_ns, log_ros_ns), max(self._last_ns, log_ros_ns)

    def flush(self) -> None:
        """Hands everything written so far to the kernel: from here a kill of this process loses none of it."""
        self._writer.flush()

    def sync(self) -> None:
        """Puts everything flushed so far on the disk: from here a power cut loses none of it."""
        os.fsync(self._file.fileno())

    def close(self, custom: Mapping[str, str]) -> BagSummary:
        """Finishes the file and writes metadata.yaml; the bag is complete, still under its partial name."""
        empty = not any(self.counts.values())
        start, end = (0, 0) if empty else (self._first_ns, self._last_ns)
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
        """Lets go of the file as it is; what was flushed stays readable up to there."""
        with contextlib.suppress(OSError):  # a full disk refuses the last buffer once more
            self._file.close()

    def _metadata(self, start: int, end: int, custom: Mapping[str, str]) -> dict[str, Any]:
        """The body of metadata.yaml, rosbag2_storage's schema version 9."""
        span = {"duration": {"nanoseconds": end - start}, "starting_time": {"nanoseconds_since_epoch": start}}
        total = sum(self.counts.values())
        file = f"{self.name}_0.mcap"
        return {
            "version": VERSION,
            "storage_identifier": "mcap",
            **span,
            "message_count": total,
            "topics_with_message_count": [self._topic_metadata(topic) for topic in self._topics],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [file],
            "files": [{"path": file, **span, "message_count": total}],
            "custom_data": dict(custom),
            "ros_distro": os.environ.get("ROS_DISTRO", "unknown"),
        }

    def _topic_metadata(self, topic: str) -> dict[str, Any]:
        info = self._topics[topic]
        return {
            "topic_metadata": {
                "name": info.stored(topic),
                "type": info.definition.name,
                "serialization_format": info.serialization,
                "offered_qos_profiles": list(info.offered_qos),
                "type_description_hash": info.definition.hash,
            },
            "message_count": self.counts[topic],
        }


class _NoAliases(yaml.SafeDumper):
    """Writes repeated parts out in full: rosbag2's parser knows anchors, people do not."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Writes metadata.yaml in one piece: a reader sees the old file or the new one."""
    new = folder / "metadata.yaml.new"
    text = yaml.dump({"rosbag2_bagfile_information": dict(metadata)}, Dumper=_NoAliases, sort_keys=False)
    new.write_text(text)
    new.replace(folder / "metadata.yaml")


def read_metadata(folder: Path) -> dict[str, Any]:
    """The body of a bag's metadata.yaml.

    Raises:
        BagError: there is none, or it is not rosbag2's.
    """
    try:
        return yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise BagError(f"{folder}: no readable metadata.yaml ({why})") from error


def keep(partial: Path, labels: Mapping[str, str]) -> Path:
    """Adds labels to a closed bag's custom_data and gives it its final name; returns the folder.

    Raises:
        BagError: the name is taken or the disk refuses; the bag stays under its partial name.
    """
    metadata = read_metadata(partial)
    metadata["custom_data"] = {**(metadata["custom_data"] or {}), **labels}
    final = partial.with_name(partial.name.removesuffix(PARTIAL))
    try:
        write_metadata(partial, metadata)
        return partial.rename(final)
    except OSError as error:
        raise BagError(
            f"{final}: cannot be made, the bag stays in {partial.name}: {error.strerror}"
        ) from error


def throw_away(partial: Path) -> None:
    """Deletes a bag that was never kept.

    Raises:
        BagError: the disk refuses; what is left of it stays.
    """
    try:
        if partial.name.endswith(PARTIAL):
            shutil.rmtree(partial)
    except OSError as error:
        raise BagError(f"{partial}: cannot be deleted: {error.strerror}") from error
