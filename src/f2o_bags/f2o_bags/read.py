"""Bags on the disk, finished or truncated, whoever wrote them: the one discovery and the one reader."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from f2o_bags.definitions import known_definition
from f2o_bags.errors import BagError
from f2o_bags.mcap_file import McapFile
from f2o_bags.sqlite_file import SqliteFile
from f2o_bags.storage import ZSTD
from f2o_bags.topics import original_name
from f2o_bags.writer import COPYING, METADATA, PARTIAL, BagMessage, BagTopic, read_metadata

STORAGES = {".mcap": McapFile, ".db3": SqliteFile}
PART = re.compile(r"(.*?)(?:_(\d+))?")  # name and number of a file of a split recording


@dataclass(frozen=True)
class Bag:
    """A bag that can be read.

    Attributes:
        path: its folder, or its file where there is no folder of its own.
        files: its files in order of time.
        topics: topics that it declares, by their own names, also where the bag stores them under others (``topics``).
        counts: topic -> number of messages.
        span_ros_ns: reception of the first message and of the last; (0, 0) without any.
        labels: custom_data of metadata.yaml, or the labels in the file where that has none.
        complete: whether no file is truncated.
    """

    path: Path
    files: tuple[McapFile | SqliteFile, ...]
    topics: dict[str, BagTopic]
    counts: dict[str, int]
    span_ros_ns: tuple[int, int]
    labels: dict[str, str]
    complete: bool

    @property
    def name(self) -> str:
        """Name of the episode."""
        return _without(self.path.name, PARTIAL, COPYING, ZSTD, *STORAGES)

    @property
    def saved(self) -> bool:
        """Whether it has its final name: its episode was saved, or its copy finished."""
        return self.path.suffix not in (PARTIAL, COPYING)

    @property
    def source(self) -> str:
        """Name and starting time, which tell episodes of one name apart."""
        return f"{self.path.name}@{self.span_ros_ns[0]}"

    @property
    def size_bytes(self) -> int:
        """Size of its files."""
        return sum(file.path.stat().st_size for file in self.files)

    def messages(self, topics: Collection[str] | None = None, salvage: bool = False) -> Iterator[BagMessage]:
        """Messages of ``topics`` (default: all) in order of reception.

        Those of a truncated bag, and with ``salvage`` of any bag, come in the order of the file, up to its end or its
        first damage.

        Raises:
            BagError: a finished file is damaged.
        """
        for file in self.files:
            yield from file.messages(topics, salvage or not self.complete)


def open_bag(path: Path) -> Bag:
    """The bag at ``path``: an episode's folder (also a ``.partial`` one), or an MCAP or sqlite3 file.

    Raises:
        BagError: there is none; the text says what is missing.
    """
    metadata = read_metadata(path) if (path / METADATA).is_file() else {}
    files = tuple(STORAGES[_storage(file)](file) for file in _files(path, metadata))
    topics: dict[str, BagTopic] = {}
    counts: Counter[str] = Counter()
    labels: dict[str, str] = {}
    for file in files:
        topics = {**file.contents.topics, **topics}
        counts.update(file.contents.counts)
        labels |= file.contents.labels
    labels |= {str(k): str(v) for k, v in (metadata.get("custom_data") or {}).items()}
    filled = [file.contents for file in files if any(file.contents.counts.values())]
    span = (
        min((contents.first_ros_ns for contents in filled), default=0),
        max((contents.last_ros_ns for contents in filled), default=0),
    )
    complete = all(file.contents.complete for file in files)
    return Bag(path, files, _typed(topics, metadata), dict(counts), span, labels, complete)


def open_complete(path: Path) -> Bag:
    """As ``open_bag``, but refuses a truncated bag.

    Raises:
        BagError: there is no bag, or its recording is truncated.
    """
    bag = open_bag(path)
    if not bag.complete:
        raise BagError(
            f"{path}: {unfinished(bag)}; run `f2o bag recover {path}` and use the bag that it writes"
        )
    return bag


def unfinished(bag: Bag) -> str:
    """Why a bag is not a finished recording; '' if it is one."""
    if not bag.complete:
        return "its recording is truncated"
    return "" if bag.saved else "its recording was never saved"


def find_bags(paths: Collection[Path]) -> list[Path]:
    """Every recording at or below ``paths``, finished or not: folders with a metadata.yaml, and files of recordings.

    Files without a metadata.yaml that are named after their folder, as rosbag2 names them, are one recording;
    otherwise each is one.

    Raises:
        BagError: a path holds none.
    """
    found: list[Path] = []
    for path in paths:
        here = [path] if path.is_file() and _storage(path) else _below(path) if path.is_dir() else []
        if not here:
            why = "" if path.exists() else " (no such file or folder)"
            raise BagError(f"{path}: no recorded episode here{why}")
        found += here
    return found


def find_unfinished(paths: Collection[Path]) -> list[Path]:
    """The unfinished and unreadable recordings below ``paths``; a path that is itself a recording in any case.

    Raises:
        BagError: a path holds none.
    """
    found: list[Path] = []
    for path in paths:
        bags = find_bags([path])
        here = bags if bags == [path] else [bag for bag in bags if _is_unfinished(bag)]
        if not here:
            raise BagError(f"{path}: no truncated or unsaved recording here")
        found += here
    return found


def _is_unfinished(path: Path) -> bool:
    try:
        return bool(unfinished(open_bag(path)))
    except BagError:
        return True  # opening it reports why


def in_order(bags: Collection[Bag], topics: Collection[str] | None = None) -> Iterator[BagMessage]:
    """Messages of several bags as one, in order of reception."""
    return heapq.merge(*(bag.messages(topics) for bag in bags), key=lambda message: message.log_ros_ns)


def _below(folder: Path) -> list[Path]:
    """Recordings in a folder; the folder itself where it is one."""
    loose = sorted(file for file in folder.iterdir() if file.is_file() and _storage(file))
    if (folder / METADATA).is_file() or (loose and _is_one(folder, loose)):
        return [folder]
    folders = sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
    return sorted([*loose, *(bag for f in folders for bag in _below(f))])


def _is_one(folder: Path, files: list[Path]) -> bool:
    stems = {_part(file)[0] for file in files}
    return len(files) == 1 or stems == {_without(folder.name, PARTIAL, COPYING)}


def _part(file: Path) -> tuple[str, int]:
    """Name and number of a file of a split recording."""
    match = PART.fullmatch(_without(file.name, ZSTD, *STORAGES))
    assert match is not None  # it matches everything
    return match[1], int(match[2] or 0)


def _storage(file: Path) -> str:
    """The ending that tells how a recording's file is stored; '' if it is none."""
    ending = Path(file.name.removesuffix(ZSTD)).suffix
    return ending if ending in STORAGES else ""


def _without(name: str, *endings: str) -> str:
    for ending in endings:
        name = name.removesuffix(ending)
    return name


def _files(path: Path, metadata: dict[str, Any]) -> list[Path]:
    """The files of the bag at ``path`` in order of time."""
    legal = ", ".join(STORAGES)
    if path.is_file():
        if not _storage(path):
            raise BagError(f"{path}: not a bag: expected an episode's folder or a file ending in {legal}")
        return [path]
    if not path.is_dir():
        raise BagError(f"{path}: no such bag")
    named = [path / Path(str(name)).name for name in metadata.get("relative_file_paths") or ()]
    found = sorted((f for f in path.iterdir() if f.is_file() and _storage(f)), key=_part)
    missing = [file.name for file in named if not file.is_file()]
    if missing or not (named or found):
        raise BagError(f"{path}: not a bag: no {', '.join(missing) or f'file ending in {legal}'} in it")
    if strange := [file.name for file in named if not _storage(file)]:
        raise BagError(
            f"{path}: {strange[0]}: expected a file ending in {legal}, which `ros2 bag convert` writes"
        )
    return named or found


def _typed(topics: dict[str, BagTopic], metadata: dict[str, Any]) -> dict[str, BagTopic]:
    """The topics; a type that the file does not name is taken from metadata.yaml."""
    try:
        listed = [entry["topic_metadata"] for entry in metadata.get("topics_with_message_count") or ()]
        types = {original_name(str(one["name"])): str(one["type"]) for one in listed}
    except (KeyError, TypeError, AttributeError):
        return topics
    return {
        topic: info
        if info.definition.name or topic not in types
        else replace(info, definition=known_definition(types[topic]))
        for topic, info in topics.items()
    }
