"""One MCAP file of a bag, finished or truncated, whoever wrote it.

Read with the mcap library, because rosbags' reader stops at the first channel that it does not know, needs the end of
the file, and leaves out the time of publishing.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import yaml
from mcap.reader import NonSeekingReader, SeekingReader
from mcap.records import Channel, Footer, Header, Message, Metadata, Schema
from mcap.stream_reader import StreamReader

from f2o_bags.definitions import MessageDefinition
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS
from f2o_bags.storage import Contents, decompressed, opened
from f2o_bags.topics import original_name
from f2o_bags.writer import BagMessage, BagTopic

ROSBAG2 = "rosbag2"  # name of the MCAP metadata record that holds a copy of metadata.yaml
QOS, HASH = "offered_qos_profiles", "topic_type_hash"  # keys of a channel's metadata


@dataclass
class _Summary:
    """The records of a file that say what is in it."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)  # by channel
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    first_ros_ns: int = 0
    last_ros_ns: int = 0
    complete: bool = False

    def add(self, record: Any) -> None:
        """Take in one record of the file."""
        if isinstance(record, Message):
            time = record.log_time
            self.first_ros_ns = min(self.first_ros_ns, time) if self.counts else time
            self.last_ros_ns = max(self.last_ros_ns, time)
            self.counts[record.channel_id] += 1
        elif isinstance(record, Schema):
            self.schemas[record.id] = record
        elif isinstance(record, Channel):
            self.channels[record.id] = record
        elif isinstance(record, Metadata):
            self.metadata[record.name] = dict(record.metadata)
        elif isinstance(record, Footer):
            self.complete = True


class McapFile:
    """An MCAP file.

    Attributes:
        path: of the file.
        contents: what is in it.
    """

    def __init__(self, path: Path) -> None:
        """Read the summary of a finished file, or every record of a truncated one.

        Raises:
            BagError: the file cannot be opened, or is not of a ROS 2 recording.
        """
        self.path = path
        with opened(path) as stream:
            indexed = _read_summary(stream)
            summary = indexed or _scan(path, stream)
        self._indexed = indexed is not None
        counts: Counter[str] = Counter()
        for channel in summary.channels.values():
            counts[original_name(channel.topic)] += summary.counts[channel.id]
        topics = {original_name(c.topic): _topic(c, summary.schemas) for c in summary.channels.values()}
        span = (summary.first_ros_ns, summary.last_ros_ns)
        self.contents = Contents(topics, dict(counts), *span, _labels(summary.metadata), summary.complete)

    def messages(self, topics: Collection[str] | None, salvage: bool) -> Iterator[BagMessage]:
        """Messages in order of reception.

        Args:
            topics: of these alone; None: of all.
            salvage: in the order of the file instead, up to its end or the first damage.

        Raises:
            BagError: the file is damaged (never with ``salvage``).
        """
        known = self.contents.topics
        channels = {
            c for t in (known if topics is None else topics) if t in known for c in (t, known[t].stored(t))
        }
        if channels:
            with opened(self.path) as stream:
                yield from (_salvaged if salvage else self._ordered)(stream, channels)

    def _ordered(self, stream: IO[bytes], channels: Collection[str]) -> Iterator[BagMessage]:
        kind = SeekingReader if self._indexed else NonSeekingReader
        reader = kind(stream, validate_crcs=True)
        try:
            for _, channel, message in reader.iter_messages(channels):
                yield _message(channel.topic, message)
        except Exception as error:  # from mcap: damaged bytes may raise anything
            why = error or type(error).__name__
            raise BagError(f"{self.path}: damaged ({why}); try `f2o bag recover`") from error


def _salvaged(stream: IO[bytes], channels: Collection[str]) -> Iterator[BagMessage]:
    names: dict[int, str] = {}
    for record in _records(stream):
        if isinstance(record, Channel):
            names[record.id] = record.topic
        elif isinstance(record, Message) and names[record.channel_id] in channels:
            yield _message(names[record.channel_id], record)


def _message(stored: str, record: Message) -> BagMessage:
    data = decompressed(record.data)
    return BagMessage(original_name(stored), data, record.log_time, record.publish_time)


def _read_summary(stream: IO[bytes]) -> _Summary | None:
    """The summary at the end of a finished file; None where there is none, or it lacks something."""
    try:
        reader = SeekingReader(stream)
        summary = reader.get_summary()
        if summary is None or summary.statistics is None or not summary.channels:
            return None
        statistics = summary.statistics
        metadata = {record.name: dict(record.metadata) for record in reader.iter_metadata()}
    except Exception:  # from mcap, as above
        return None
    counts = Counter(statistics.channel_message_counts)
    if sum(counts.values()) != statistics.message_count or set(counts) - set(summary.channels):
        return None
    span = (statistics.message_start_time, statistics.message_end_time)
    return _Summary(summary.schemas, summary.channels, counts, metadata, *span, complete=True)


def _scan(path: Path, stream: IO[bytes]) -> _Summary:
    stream.seek(0)
    summary, is_mcap = _Summary(), False
    for record in _records(stream):
        is_mcap = is_mcap or isinstance(record, Header)
        summary.add(record)
    if not is_mcap:
        raise BagError(f"{path}: not an MCAP file, or truncated in its first record")
    return summary


def _records(stream: IO[bytes]) -> Iterator[Any]:
    """Records in order, up to the end or the first damage."""
    with contextlib.suppress(Exception):  # from mcap: a file may be truncated within compressed bytes
        yield from StreamReader(stream, validate_crcs=True).records


def _topic(channel: Channel, schemas: dict[int, Schema]) -> BagTopic:
    schema = schemas.get(channel.schema_id)
    hash_ = channel.metadata.get(HASH, "")
    definition = (
        MessageDefinition("", "", hash_, encoding="")
        if schema is None
        else MessageDefinition(schema.name, schema.data.decode(errors="replace"), hash_, schema.encoding)
    )
    command = original_name(channel.topic) != channel.topic
    return BagTopic(definition, _qos(channel.metadata.get(QOS, "")), command, channel.message_encoding)


def _qos(text: str) -> tuple[dict[str, Any], ...]:
    try:
        profiles = yaml.safe_load(text) or []
    except yaml.YAMLError:
        return ()
    return tuple(p for p in profiles if isinstance(p, dict)) if isinstance(profiles, list) else ()


def _labels(metadata: dict[str, dict[str, str]]) -> dict[str, str]:
    """Labels from the recorder's own record and from the copy of metadata.yaml that rosbag2 leaves in the file."""
    try:
        text = metadata.get(ROSBAG2, {}).get("serialized_metadata", "")
        custom = (yaml.safe_load(text) or {}).get("custom_data") or {}
        copied = {str(key): str(value) for key, value in custom.items()}
    except (yaml.YAMLError, AttributeError):
        copied = {}
    return {**metadata.get(LABELS, {}), **copied}
