"""One MCAP file of a bag, finished or truncated, whoever wrote it.

Read with the mcap library, because rosbags' reader stops at the first channel that it does not know, needs the end of
the file, and leaves out the time of publishing.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import yaml
from mcap.reader import NonSeekingReader, SeekingReader
from mcap.records import Channel, ChunkIndex, Footer, Header, Message, Metadata, Schema
from mcap.stream_reader import StreamReader

from f2o_bags.definitions import MessageDefinition
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS, LABELS_TOPIC, custom_labels, from_cdr
from f2o_bags.storage import Contents, decompressed, offered_qos, opened
from f2o_bags.topics import original_name, stored_name
from f2o_bags.writer import BagMessage, BagTopic

ROSBAG2 = "rosbag2"  # name of the MCAP metadata record that holds a copy of metadata.yaml
FEW_CHUNKS, BACK_NS = (
    3,
    50_000_000,
)  # chunks that are looked into in any case; what messages overtake each other by
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
    set_back_ns: int = 0  # see Contents
    told: tuple[int, bytes] = (0, b"")  # the last message of the labels' topic and its time
    complete: bool = False
    _newest: dict[int, int] = field(default_factory=dict)  # by channel

    def add(self, record: Any) -> None:
        """Take in one record of the file."""
        if isinstance(record, Message):
            time = record.log_time
            self.first_ros_ns = min(self.first_ros_ns, time) if self.counts else time
            self.last_ros_ns = max(self.last_ros_ns, time)
            self.counts[record.channel_id] += 1
            if self._is_labels(record.channel_id):
                self.told = max(self.told, (time, record.data))
            self.set_back_ns = max(self.set_back_ns, self._newest.get(record.channel_id, time) - time)
            self._newest[record.channel_id] = time
        elif isinstance(record, Schema):
            self.schemas[record.id] = record
        elif isinstance(record, Channel):
            self.channels[record.id] = record
        elif isinstance(record, Metadata):
            self.metadata[record.name] = dict(record.metadata)
        elif isinstance(record, Footer):
            self.complete = True

    def _is_labels(self, channel: int) -> bool:
        return channel in self.channels and self.channels[channel].topic == LABELS_TOPIC


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
        own = [c for c in summary.channels.values() if c.topic != LABELS_TOPIC]
        for channel in own:
            counts[original_name(channel.topic)] += summary.counts[channel.id]
        best: dict[str, Channel] = {}  # of the channels of one topic the one that is described, and used most
        for channel in sorted(
            summary.channels.values(), key=lambda c: (c.schema_id > 0, summary.counts[c.id])
        ):
            best[original_name(channel.topic)] = channel
        topics = {topic: _topic(best[topic], summary.schemas) for topic in counts}
        span = (summary.first_ros_ns, summary.last_ros_ns)
        labels = _labels(summary.metadata, summary.told[1])
        self.contents = Contents(topics, dict(counts), *span, labels, summary.set_back_ns, summary.complete)

    def messages(self, topics: Collection[str] | None, salvage: bool) -> Iterator[BagMessage]:
        """Messages in order of reception.

        Args:
            topics: of these alone; None: of all.
            salvage: in the order of the file instead, up to its end or the first damage.

        Raises:
            BagError: the file is damaged (never with ``salvage``).
        """
        wanted = [t for t in self.contents.topics if topics is None or t in topics]
        channels = {name for topic in wanted for name in (topic, stored_name(topic, True))}
        if channels:
            with opened(self.path) as stream:
                yield from (_salvaged if salvage else self._ordered)(stream, channels, wanted)

    def _ordered(
        self, stream: IO[bytes], channels: Collection[str], wanted: Collection[str]
    ) -> Iterator[BagMessage]:
        kind = SeekingReader if self._indexed else NonSeekingReader
        reader, count = kind(stream, validate_crcs=True), 0
        try:
            for _, channel, message in reader.iter_messages(channels):
                count += 1
                yield _message(channel.topic, message)
        except Exception as error:  # from mcap: damaged bytes may raise anything
            why = error or type(error).__name__
            raise BagError(f"{self.path}: damaged ({why}); try `f2o bag recover`") from error
        if count != (said := sum(self.contents.counts[topic] for topic in wanted)):
            raise BagError(
                f"{self.path}: its index leads to {count} of {said} messages; try `f2o bag recover`"
            )


def _salvaged(stream: IO[bytes], channels: Collection[str], wanted: Collection[str]) -> Iterator[BagMessage]:
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
    if any(c.schema_id and c.schema_id not in summary.schemas for c in summary.channels.values()):
        return None
    if sum(counts.values()) != statistics.message_count or set(counts) - set(summary.channels):
        return None
    span = (statistics.message_start_time, statistics.message_end_time)
    found = _Summary(summary.schemas, summary.channels, counts, metadata, *span, complete=True)
    if any(channel.topic == LABELS_TOPIC for channel in summary.channels.values()):
        with contextlib.suppress(Exception):  # from mcap: reading the rest says what is damaged
            for _, _, message in reader.iter_messages([LABELS_TOPIC]):
                found.told = (message.log_time, message.data)
    if _may_be_set_back(summary.chunk_indexes):
        found.set_back_ns = _scan(Path(), stream).set_back_ns
    return found


def _may_be_set_back(chunks: Sequence[ChunkIndex]) -> bool:
    """Whether a look at every message may show a clock that was set back: not where no chunk begins before another."""
    spans = [
        (c.message_start_time, c.message_end_time) for c in sorted(chunks, key=lambda c: c.chunk_start_offset)
    ]
    if len(spans) < FEW_CHUNKS:
        return True
    newest = itertools.accumulate((end for _, end in spans), max)
    return any(before - begin > BACK_NS for before, (begin, _) in zip(newest, spans[1:], strict=False))


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
    return BagTopic(definition, offered_qos(channel.metadata.get(QOS, "")), command, channel.message_encoding)


def _labels(metadata: dict[str, dict[str, str]], told: bytes) -> dict[str, str]:
    """Labels from the recorder's own record, the last of its messages, and the copy of metadata.yaml in the file."""
    try:
        copied = custom_labels(metadata.get(ROSBAG2, {}).get("serialized_metadata", ""))
    except yaml.YAMLError:
        copied = {}
    return {**metadata.get(LABELS, {}), **copied, **from_cdr(decompressed(told))}
