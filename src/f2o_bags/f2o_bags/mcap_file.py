"""One MCAP file of a bag, finished or cut off, whoever wrote it.

Read with the mcap library, because rosbags' reader stops at the first channel that it does not know, needs the end of
the file, and leaves out the time of publishing.
"""

from __future__ import annotations

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
from f2o_bags.storage import BagMessage, Contents, opened, plain
from f2o_bags.topics import original_name
from f2o_bags.writer import BagTopic

ROSBAG2 = "rosbag2"  # name of the MCAP metadata record that holds a copy of metadata.yaml
QOS, HASH = "offered_qos_profiles", "topic_type_hash"  # keys of a channel's metadata


@dataclass
class _Survey:
    """The records of a file that say what is in it."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)  # by channel
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    first_ros_ns: int = 0
    last_ros_ns: int = 0
    ended: bool = False

    def take(self, record: Any) -> None:
        """One record of the file."""
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
            self.ended = True


class McapFile:
    """An MCAP file.

    Attributes:
        path: of the file.
        contents: what is in it.
    """

    def __init__(self, path: Path) -> None:
        """Reads the summary of a finished file; of another one, every record up to where it ends.

        Raises:
            BagError: the file cannot be opened, or is not of a ROS 2 recording.
        """
        self.path = path
        with opened(path) as stream:
            summary = _summary(stream)
            survey = summary or _scan(path, stream)
        self._indexed = summary is not None
        counts: Counter[str] = Counter()
        for channel in survey.channels.values():
            counts[original_name(channel.topic)] += survey.counts[channel.id]
        topics = {original_name(c.topic): _topic(c, survey.schemas) for c in survey.channels.values()}
        span = (survey.first_ros_ns, survey.last_ros_ns)
        self.contents = Contents(topics, dict(counts), *span, _labels(survey.metadata), survey.ended)

    def messages(self, topics: Collection[str] | None, whole: bool) -> Iterator[BagMessage]:
        """Messages.

        Args:
            topics: of these alone; None: of all.
            whole: in order of reception, and a file that is damaged raises; otherwise in the order of the file, up to
                its end or to where it cannot be read on.

        Raises:
            BagError: the file is damaged (``whole`` alone).
        """
        known = self.contents.topics
        channels = {
            c for t in (known if topics is None else topics) if t in known for c in (t, known[t].stored(t))
        }
        if channels:
            with opened(self.path) as stream:
                yield from self._ordered(stream, channels) if whole else self._to_the_cut(stream, channels)

    def _ordered(self, stream: IO[bytes], channels: Collection[str]) -> Iterator[BagMessage]:
        kind = SeekingReader if self._indexed else NonSeekingReader
        reader = kind(stream, validate_crcs=True)
        try:
            for _, channel, message in reader.iter_messages(channels):
                yield _message(original_name(channel.topic), message)
        except (
            Exception
        ) as error:  # around mcap alone: its parsers raise whatever the damage makes of the bytes
            why = error or type(error).__name__
            raise BagError(f"{self.path}: damaged ({why}); try `f2o bag recover`") from error

    def _to_the_cut(self, stream: IO[bytes], channels: Collection[str]) -> Iterator[BagMessage]:
        names: dict[int, str] = {}
        for record in _records(stream):
            if isinstance(record, Channel):
                names[record.id] = record.topic
            elif isinstance(record, Message) and names[record.channel_id] in channels:
                yield _message(original_name(names[record.channel_id]), record)


def _message(topic: str, record: Message) -> BagMessage:
    return BagMessage(topic, plain(record.data), record.log_time, record.publish_time)


def _summary(stream: IO[bytes]) -> _Survey | None:
    """What the summary at the end of a finished file says; None where there is none, or it lacks something."""
    try:
        reader = SeekingReader(stream)
        summary = reader.get_summary()
        if summary is None or summary.statistics is None or not summary.channels:
            return None
        told = summary.statistics
        metadata = {record.name: dict(record.metadata) for record in reader.iter_metadata()}
    except Exception:  # around mcap alone, as above
        return None
    counts = Counter(told.channel_message_counts)
    if sum(counts.values()) != told.message_count or set(counts) - set(summary.channels):
        return None
    span = (told.message_start_time, told.message_end_time)
    return _Survey(summary.schemas, summary.channels, counts, metadata, *span, ended=True)


def _scan(path: Path, stream: IO[bytes]) -> _Survey:
    stream.seek(0)
    survey, profile = _Survey(), None
    for record in _records(stream):
        if isinstance(record, Header):
            profile = record.profile
        survey.take(record)
    if profile is None:
        raise BagError(f"{path}: not an MCAP file, or cut off in its first record")
    return survey


def _records(stream: IO[bytes]) -> Iterator[Any]:
    """Records in order; ends without a word where the file cannot be read on."""
    try:
        yield from StreamReader(stream, validate_crcs=True).records
    except Exception:  # around mcap alone: the cut may lie anywhere, also within compressed bytes
        return


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
    """Of the recorder's own record, and of the copy of metadata.yaml that rosbag2 leaves in the file."""
    try:
        text = metadata.get(ROSBAG2, {}).get("serialized_metadata", "")
        custom = (yaml.safe_load(text) or {}).get("custom_data") or {}
        told = {str(key): str(value) for key, value in custom.items()}
    except (yaml.YAMLError, AttributeError):
        told = {}
    return {**metadata.get(LABELS, {}), **told}
