"""One sqlite3 file of a bag, rosbag2's storage before Iron, of any of its schemas, finished or truncated.

Read with Python's sqlite3, because rosbags' reader refuses a file for one definition that it cannot parse, and does not
look at what a killed recorder left in the journal beside it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import IO, Any

import yaml

from f2o_bags.definitions import ROS2IDL, ROS2MSG, MessageDefinition, known_definition
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS_TOPIC, custom_labels, from_cdr
from f2o_bags.metadata import METADATA
from f2o_bags.storage import LZ4_MAGIC, ZSTD_MAGIC, Contents, decompressed, offered_qos, opened
from f2o_bags.topics import original_name
from f2o_bags.writer import BagMessage, BagTopic

MOST_BYTES = 1 << 40  # of a database, whatever its header says
OVERTAKEN_NS = 1_000_000_000
JOURNALS = ("-wal", "-journal")  # endings of files beside one whose writer was killed


class SqliteFile:
    """A sqlite3 file.

    Attributes:
        path: of the file.
        contents: what is in it.
    """

    def __init__(self, path: Path) -> None:
        """Read its tables; of a truncated file as many rows as there are.

        Raises:
            BagError: it is no recording, or its table of topics is lost.
        """
        self.path = path
        self._cut = False  # shorter than its header says
        self._names: dict[int, str] = {}  # stored, by number of the topic
        with self._database() as database:
            topics = self._read_topics(database)
            numbers, span, set_back, whole = _counted(database)
            labels = _labels(database) | self._told(database)
            left_open = bool(numbers) and not (path.parent / METADATA).exists() and _left_open(database)
        topics.pop(LABELS_TOPIC, None)
        counts: Counter[str] = Counter({topic: 0 for topic in topics})
        for number, count in numbers.items():
            if self._names.get(number, LABELS_TOPIC) != LABELS_TOPIC:
                counts[original_name(self._names[number])] += count
        complete = whole and not self._cut and not self._journals() and not left_open
        self.contents = Contents(topics, dict(counts), *span, labels, set_back, complete)

    def messages(self, topics: Collection[str] | None, salvage: bool) -> Iterator[BagMessage]:
        """Messages in order of reception.

        Args:
            topics: of these alone; None: of all.
            salvage: in the order of the file instead, up to its end or the first damage.

        Raises:
            BagError: the file is damaged (never with ``salvage``).
        """
        order = "id" if salvage else "timestamp, id"
        query = f"SELECT topic_id, timestamp, data FROM messages ORDER BY {order}"
        with self._database() as database:
            try:
                for number, log_ros_ns, data in database.execute(query):
                    topic = original_name(self._names.get(number, ""))
                    if topic in self.contents.topics and (topics is None or topic in topics):
                        yield BagMessage(topic, decompressed(bytes(data)), log_ros_ns, log_ros_ns)
            except (sqlite3.Error, TypeError) as error:
                if not salvage:
                    raise BagError(f"{self.path}: damaged ({error}); try `f2o bag recover`") from error

    def _told(self, database: sqlite3.Connection) -> dict[str, str]:
        """Labels of the last message of their topic."""
        numbers = [number for number, name in self._names.items() if name == LABELS_TOPIC]
        query = "SELECT data FROM messages WHERE topic_id = ? ORDER BY timestamp DESC, id DESC LIMIT 1"
        with contextlib.suppress(sqlite3.Error):
            for number in numbers:
                for (data,) in database.execute(query, (number,)):
                    return from_cdr(decompressed(bytes(data)))
        return {}

    def _journals(self) -> list[Path]:
        beside = [self.path.with_name(self.path.name + ending) for ending in JOURNALS]
        return [path for path in beside if path.exists() and path.stat().st_size]  # readers leave empty ones

    @contextlib.contextmanager
    def _database(self) -> Generator[sqlite3.Connection, None, None]:
        """The file, opened where it lies; else a copy: decompressed, with its journal applied, as long as it says."""
        with contextlib.ExitStack() as stack:
            path, mode = self.path, "immutable=1"
            stream = stack.enter_context(opened(self.path))
            self._cut = stream.seek(0, os.SEEK_END) < _declared_bytes(stream)
            if self._journals() or self._cut or stream.name != str(self.path):  # compressed
                path, mode = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "copy.db3", "mode=rw"
                stream.seek(0)
                with path.open("wb") as file:
                    shutil.copyfileobj(stream, file)
                    file.truncate(max(file.tell(), _declared_bytes(stream)))
                for journal in self._journals():
                    shutil.copyfile(journal, path.with_name(path.name + journal.name[len(self.path.name) :]))
            try:
                database = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
            except sqlite3.Error as error:
                raise BagError(f"{self.path}: cannot be read ({error})") from error
            yield stack.enter_context(contextlib.closing(database))

    def _read_topics(self, database: sqlite3.Connection) -> dict[str, BagTopic]:
        try:
            database.execute("SELECT id, topic_id, timestamp, data FROM messages LIMIT 0")
            definitions = _definitions(database)
            topics = {}
            for row in _rows(database, "topics"):
                self._names[row["id"]] = row["name"]
                topics[original_name(row["name"])] = _topic(row, definitions)
        except (sqlite3.Error, KeyError) as error:
            raise BagError(f"{self.path}: cannot be read ({error})") from error
        return topics


def _declared_bytes(stream: IO[bytes]) -> int:
    """Length of a database by its own header; 0 where it has none. sqlite reads nothing of one that is shorter."""
    stream.seek(0)
    header = stream.read(32)
    if len(header) < 32 or not header.startswith(b"SQLite format 3"):
        return 0
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    return min((65536 if page == 1 else page) * pages, MOST_BYTES)


def _rows(database: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """The rows of a table by the names of its columns, which differ by rosbag2's version; none where it is missing."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return []
    cursor = database.execute(f"SELECT * FROM {table} ORDER BY id")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _counted(database: sqlite3.Connection) -> tuple[Counter[int], tuple[int, int], int, bool]:
    """Messages by number of topic, times of the first and last, ``set_back_ns``, and whether the table has an end.

    rosbag2 compresses messages with a thread for each core, which overtake each other: so much of what seems set back
    is none.
    """
    counts: Counter[int] = Counter()
    newest: dict[int, int] = {}
    first, last, set_back = 0, 0, 0
    try:
        for number, time in database.execute("SELECT topic_id, timestamp FROM messages ORDER BY id"):
            first, last = min(first or time, time), max(last, time)
            set_back = max(set_back, newest.get(number, time) - time)
            newest[number] = time
            counts[number] += 1
    except (sqlite3.Error, TypeError):
        return counts, (first, last), set_back, False
    if _are_compressed(database):
        set_back = max(set_back - OVERTAKEN_NS, 0)
    return counts, (first, last), set_back, True


def _are_compressed(database: sqlite3.Connection) -> bool:
    """Whether each message is compressed for itself."""
    row = database.execute("SELECT data FROM messages LIMIT 1").fetchone()
    return row is not None and isinstance(row[0], bytes) and row[0][:4] in (ZSTD_MAGIC, LZ4_MAGIC)


def _left_open(database: sqlite3.Connection) -> bool:
    """Whether rosbag2 was killed before it closed the file: its metadata are still those of the beginning."""
    with contextlib.suppress(sqlite3.Error, yaml.YAMLError, KeyError):
        rows = _rows(database, "metadata")
        told = yaml.safe_load(rows[0]["metadata"]) if len(rows) == 1 else None
        return isinstance(told, dict) and told.get("message_count") == 0
    return False


def _definitions(database: sqlite3.Connection) -> dict[str, MessageDefinition]:
    return {
        row["topic_type"]: MessageDefinition(
            row["topic_type"],
            row["encoded_message_definition"],
            row.get("type_description_hash") or "",
            row["encoding"],
        )
        for row in _rows(database, "message_definitions")
        if row["encoding"] in (ROS2MSG, ROS2IDL)
    }


def _topic(row: dict[str, Any], definitions: dict[str, MessageDefinition]) -> BagTopic:
    definition = definitions.get(row["type"]) or known_definition(row["type"])
    command = original_name(row["name"]) != row["name"]
    qos = offered_qos(row.get("offered_qos_profiles") or "")
    return BagTopic(definition, qos, command, row["serialization_format"])


def _labels(database: sqlite3.Connection) -> dict[str, str]:
    """Labels from the copy of metadata.yaml that rosbag2 leaves in the file."""
    with contextlib.suppress(sqlite3.Error, yaml.YAMLError, KeyError):
        for row in reversed(_rows(database, "metadata")):
            return custom_labels(row["metadata"])
    return {}
