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
from f2o_bags.storage import ZSTD, BagMessage, Contents, opened, plain
from f2o_bags.topics import original_name
from f2o_bags.writer import BagTopic

UNDONE = ("-wal", "-journal")  # beside a file whose writer was killed


class SqliteFile:
    """A sqlite3 file.

    Attributes:
        path: of the file.
        contents: what is in it.
    """

    def __init__(self, path: Path) -> None:
        """Reads its tables.

        Raises:
            BagError: it is no recording, or damaged.
        """
        self.path = path
        with self._reader() as reader:
            counts: Counter[str] = Counter()
            for connection in reader.connections:
                counts[original_name(connection.topic)] += connection.msgcount
            topics = {original_name(c.topic): _topic(c) for c in reader.connections}
            told = reader.metadata
            span = (told.start_time, told.end_time - 1) if told.message_count else (0, 0)
        ended = not any(path.with_name(path.name + ending).exists() for ending in UNDONE)
        self.contents = Contents(topics, dict(counts), *span, {}, ended)

    def messages(self, topics: Collection[str] | None, whole: bool) -> Iterator[BagMessage]:
        """Messages of ``topics`` (None: all) in order of reception; ``whole`` makes no difference.

        Raises:
            BagError: the file is damaged.
        """
        with self._reader() as reader:
            wanted = [c for c in reader.connections if topics is None or original_name(c.topic) in topics]
            for connection, log_ros_ns, data in reader.messages(wanted) if wanted else ():
                yield BagMessage(original_name(connection.topic), plain(data), log_ros_ns, log_ros_ns)

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
            except (
                Exception
            ) as error:  # around rosbags alone: it raises whatever the damage makes of the bytes
                why = error or type(error).__name__
                raise BagError(f"{self.path}: cannot be read ({why})") from error
            finally:
                if reader.dbconn is not None:
                    reader.close()


def _topic(connection: Any) -> BagTopic:
    told = connection.msgdef
    encodings = {MessageDefinitionFormat.MSG: ROS2MSG, MessageDefinitionFormat.IDL: ROS2IDL}
    definition = (
        MessageDefinition(connection.msgtype, told.data, connection.digest or "", encodings[told.format])
        if told.format in encodings
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
