"""One MCAP file of a bag, finished or cut off."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mcap.reader import make_reader
from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader

from f2o_bags.definitions import MessageDefinition
from f2o_bags.errors import BagError
from f2o_bags.writer import BagTopic

LABELS = "f2o_episode"  # name of the MCAP metadata record that the recorder writes first
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class BagMessage:
    """One serialised message (CDR)."""

    topic: str
    data: bytes
    log_ros_ns: int  # when it was received
    publish_ros_ns: int


def to_the_cut(file: Path, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
    """Messages in the order of the file, up to its end or to where it cannot be read on."""
    names: dict[int, str] = {}
    for record in _records(file):
        if isinstance(record, Channel):
            names[record.id] = record.topic
        elif isinstance(record, Message):
            topic = names[record.channel_id]
            if topics is None or topic in topics:
                yield BagMessage(topic, record.data, record.log_time, record.publish_time)


def indexed_counts(file: Path) -> tuple[dict[str, int], int, int]:
    """Messages by topic, first and last reception [ROS ns], from the index of a finished file."""
    with file.open("rb", READ_BYTES) as stream:
        summary = make_reader(stream).get_summary()
    told = summary.statistics
    counts = {c.topic: told.channel_message_counts.get(c.id, 0) for c in summary.channels.values()}
    return counts, told.message_start_time or sys.maxsize, told.message_end_time


def counts_to_the_cut(file: Path) -> tuple[dict[str, int], int, int]:
    """As ``indexed_counts``, by reading the file up to its cut."""
    counts: dict[str, int] = {}
    first, last = sys.maxsize, 0
    for message in to_the_cut(file):
        counts[message.topic] = counts.get(message.topic, 0) + 1
        first, last = min(first, message.log_ros_ns), max(last, message.log_ros_ns)
    return counts, first, last


def declared(file: Path) -> tuple[dict[str, BagTopic], dict[str, str], bool]:
    """Topics and labels of one file, and whether it has its end."""
    try:
        with file.open("rb", READ_BYTES) as stream:
            reader = make_reader(stream)
            summary = reader.get_summary()
            if summary is not None and summary.channels and summary.statistics is not None:
                inside = {m.name: m.metadata for m in reader.iter_metadata()}
                topics = _topics(file, summary.schemas, list(summary.channels.values()))
                return topics, inside.get(LABELS, {}), True
    except BagError:
        raise
    except Exception:  # around mcap alone: its parsers raise whatever the damage makes of the bytes
        pass
    schemas, channels, labels = {}, {}, {}
    for record in _records(file):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Metadata) and record.name == LABELS:
            labels = record.metadata
    return _topics(file, schemas, list(channels.values())), labels, False


def _topics(file: Path, schemas: dict[int, Schema], channels: list[Channel]) -> dict[str, BagTopic]:
    topics = {}
    for channel in channels:
        schema = schemas.get(channel.schema_id)
        if schema is None or schema.encoding != "ros2msg" or channel.message_encoding != "cdr":
            told = f"{schema.encoding if schema else 'no schema'}, {channel.message_encoding}"
            raise BagError(
                f"{file}: {channel.topic}: stored as {told}; expected ros2msg, cdr as ROS 2 writes it"
            )
        hash_ = channel.metadata.get("topic_type_hash", "")
        definition = MessageDefinition(schema.name, schema.data.decode(errors="replace"), hash_)
        topics[channel.topic] = BagTopic(definition, _qos(channel.metadata.get("offered_qos_profiles", "")))
    return topics


def _qos(text: str) -> tuple[dict[str, Any], ...]:
    try:
        profiles = yaml.safe_load(text) or []
    except yaml.YAMLError:
        return ()
    return tuple(p for p in profiles if isinstance(p, dict)) if isinstance(profiles, list) else ()


def _records(file: Path) -> Iterator[Any]:
    """Records in order; ends without a word where the file cannot be read on."""
    with file.open("rb", READ_BYTES) as stream:
        try:
            yield from StreamReader(stream, validate_crcs=True).records
        except (
            Exception
        ):  # around mcap alone, as above: the cut may lie anywhere, also within compressed bytes
            return


def ordered(file: Path, topics: Collection[str] | None) -> Iterator[BagMessage]:
    """Messages of a finished file in order of reception.

    Raises:
        BagError: it is damaged.
    """
    with file.open("rb", READ_BYTES) as stream:
        try:
            for _, channel, message in make_reader(stream).iter_messages(topics):
                yield BagMessage(channel.topic, message.data, message.log_time, message.publish_time)
        except Exception as error:  # around mcap alone, as above
            raise BagError(
                f"{file}: damaged ({error or type(error).__name__}); try `f2o bag recover`"
            ) from error
