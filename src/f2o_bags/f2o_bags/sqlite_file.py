"""One sqlite3 file of a bag, rosbag2's storage before Iron; read by rosbags."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from f2o_bags.definitions import ROS2IDL, ROS2MSG, MessageDefinition, known_definition
from f2o_bags.errors import BagError
from f2o_bags.storage import ZSTD, Contents, decompressed, opened
from f2o_bags.topics import original_name
from f2o_bags.writer import BagMessage, BagTopic

JOURNALS = ("-wal", "-journal")  # endings of files beside one whose writer was killed


class SqliteFile:
    """A sqlite3 file.

    Attributes:
        path: of the file.
        contents: what is in it.
    """

    def __init__(self, path: Path) -> None:
        """Read its tables.

        Raises:
            BagError: it is no recording, or damaged.
        """
        self.path = path
        with self._reader() as reader:
            counts: Counter[str] = Counter()
            for connection in reader.connections:
                counts[original_name(connection.topic)] += connection.msgcount
            topics = {original_name(c.topic): _topic(c) for c in reader.connections}
            metadata = reader.metadata
            span = (metadata.start_time, metadata.end_time - 1) if metadata.message_count else (0, 0)
        complete = not any(path.with_name(path.name + ending).exists() for ending in JOURNALS)
        self.contents = Contents(topics, dict(counts), *span, {}, complete)

    def messages(self, topics: Collection[str] | None, salvage: bool) -> Iterator[BagMessage]:
        """Messages of ``topics`` (None: all) in order of reception; ``salvage`` makes no difference.

        Raises:
            BagError: the file is damaged.
        """
        with self._reader() as reader:
            wanted = [c for c in reader.connections if topics is None or original_name(c.topic) in topics]
            for connection, log_ros_ns, data in reader.messages(wanted) if wanted else ():
                yield BagMessage(original_name(connection.topic), decompressed(data), log_ros_ns, log_ros_ns)

    @contextmanager
    def _reader(self) -> Generator[Sqlite3Reader, None, None]:
        with tempfile.TemporaryDirectory() as folder:
            path = self.path
            if path.suffix == ZSTD:
                path = Path(folder) / path.stem
                with opened(self.path) as stream, path.open("wb") as file:
                    shutil.copyfileobj(stream, file)
            reader = Sqlite3Reader(path)
            try:
                reader.open()
                yield reader
            except (BagError, GeneratorExit):
                raise
            except Exception as error:  # from rosbags: damaged bytes may raise anything
                raise BagError(f"{self.path}: cannot be read ({error or type(error).__name__})") from error
            finally:
                if reader.dbconn is not None:
                    reader.close()


def _topic(connection: Any) -> BagTopic:
    stored = connection.msgdef
    encodings = {MessageDefinitionFormat.MSG: ROS2MSG, MessageDefinitionFormat.IDL: ROS2IDL}
    definition = (
        MessageDefinition(connection.msgtype, stored.data, connection.digest or "", encodings[stored.format])
        if stored.format in encodings
        else known_definition(connection.msgtype)
    )
    qos = tuple(_qos(profile) for profile in connection.ext.offered_qos_profiles)
    command = original_name(connection.topic) != connection.topic
    return BagTopic(definition, qos, command, connection.ext.serialization_format)


def _qos(profile: Any) -> dict[str, Any]:
    """Rosbags' Qos with the keys and words of metadata.yaml."""
    return {key: _plain(value) for key, value in profile._asdict().items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    return value.name.lower() if hasattr(value, "name") else value
