"""A closed bag is given its labels and its final name, or is thrown away."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcap.writer import CompressionType, Writer

from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS_TOPIC, to_cdr
from f2o_bags.metadata import read_metadata, sync_folder, write_metadata
from f2o_bags.writer import PARTIAL, channel_metadata, labels_topic


def save_bag(partial: Path, labels: Mapping[str, str]) -> Path:
    """Add labels to a closed bag and give it its final name; returns the folder.

    Labels that it did not have when it was closed go into a part of its own as well (see ``LABELS_TOPIC``).

    Raises:
        BagError: the name is taken or the disk refuses; the bag stays under its partial name.
    """
    metadata = read_metadata(partial)
    before = metadata["custom_data"] or {}
    metadata["custom_data"] = {**before, **labels}
    final = partial.with_name(partial.name.removesuffix(PARTIAL))
    try:
        if metadata["custom_data"] != before and metadata["message_count"]:
            _add_labels_part(partial, final.name, metadata)
        write_metadata(partial, metadata)
        partial.rename(final)
        sync_folder(final.parent)
        return final
    except OSError as error:
        raise BagError(
            f"{final}: cannot be made, the bag stays in {partial.name}: {error.strerror}"
        ) from error


def _add_labels_part(folder: Path, name: str, metadata: dict[str, Any]) -> None:
    """Write a part with the labels alone, a nanosecond after the rest, and name it in ``metadata``."""
    file = f"{name}_{len(metadata['relative_file_paths'])}.mcap"
    metadata["duration"]["nanoseconds"] += 1
    now = metadata["starting_time"]["nanoseconds_since_epoch"] + metadata["duration"]["nanoseconds"]
    with (folder / file).open("wb") as stream:
        writer = Writer(stream, compression=CompressionType.NONE)
        writer.start("ros2", "f2o_bags")
        topic = labels_topic()
        schema = writer.register_schema(
            topic.definition.name, topic.definition.encoding, topic.definition.text.encode()
        )
        channel = writer.register_channel(LABELS_TOPIC, "cdr", schema, channel_metadata(topic))
        writer.add_message(channel, now, to_cdr(metadata["custom_data"]), now)
        writer.finish()
        stream.flush()
        os.fsync(stream.fileno())
    span = {"starting_time": {"nanoseconds_since_epoch": now}, "duration": {"nanoseconds": 0}}
    metadata["relative_file_paths"].append(file)
    metadata["files"].append({"path": file, **span, "message_count": 1})
    metadata["message_count"] += 1
    for entry in metadata["topics_with_message_count"]:
        entry["message_count"] += entry["topic_metadata"]["name"] == LABELS_TOPIC


def discard_bag(partial: Path) -> None:
    """Delete a bag that was never saved; one that was is left alone.

    Raises:
        BagError: the disk refuses; what is left of it stays.
    """
    try:
        if partial.name.endswith(PARTIAL):
            shutil.rmtree(partial)
    except OSError as error:
        raise BagError(f"{partial}: cannot be deleted: {error.strerror}") from error
