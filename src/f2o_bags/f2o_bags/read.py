"""Bags on the disk, finished or truncated, whoever wrote them: the one reader (the one discovery is ``discovery``)."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.definitions import known_definition
from f2o_bags.discovery import STORAGES, bag_files, bag_metadata, find_bags, storage_of, without
from f2o_bags.errors import BagError
from f2o_bags.labels import FAILURE, UNLABELLED, is_failure, is_unlabelled
from f2o_bags.latched import Latched
from f2o_bags.mcap_file import BACK_NS, McapFile
from f2o_bags.metadata import METADATA
from f2o_bags.sqlite_file import SqliteFile
from f2o_bags.storage import COMPRESSED
from f2o_bags.topics import original_name
from f2o_bags.writer import COPYING, PARTIAL, BagMessage, BagTopic

File = McapFile | SqliteFile
READERS: dict[str, type[McapFile] | type[SqliteFile]] = dict(
    zip(STORAGES, (McapFile, SqliteFile), strict=True)
)


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
        set_back_ns: by how much the recorder's clock was set back meanwhile; messages may overtake each other a little.
        complete: whether no file is truncated.
    """

    path: Path
    files: tuple[File, ...]
    topics: dict[str, BagTopic]
    counts: dict[str, int]
    span_ros_ns: tuple[int, int]
    labels: dict[str, str]
    set_back_ns: int
    complete: bool

    @property
    def name(self) -> str:
        """Name of the episode."""
        return without(self.path.name, PARTIAL, COPYING, *COMPRESSED, *STORAGES)

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
    try:
        return _opened(path)
    except OSError as error:
        raise BagError(f"{path}: cannot be read ({error.strerror or error})") from error


def open_readable(path: Path) -> tuple[Bag, list[str]]:
    """As ``open_bag``, without the parts that cannot be read, or are not there; and why each is left out.

    Raises:
        BagError: no part can be read.
    """
    left_out: list[str] = []
    try:
        return _opened(path, left_out), left_out
    except OSError as error:
        raise BagError(f"{path}: cannot be read ({error.strerror or error})") from error


def _opened(path: Path, left_out: list[str] | None = None) -> Bag:
    """The bag; with ``left_out``, parts that cannot be read go there."""
    _refuse_links_out_of(path)
    metadata = bag_metadata(path)
    files: list[File] = []
    for versions in bag_files(path, metadata, left_out):
        try:
            files.append(_best(versions))
        except BagError as error:
            if left_out is None:
                raise
            left_out.append(str(error))
    if not files:
        raise BagError(f"{path}: no part of it can be read: {'; '.join(left_out or [])}")
    topics: dict[str, BagTopic] = {}
    counts: Counter[str] = Counter()
    labels: dict[str, str] = {}
    for file in files:
        topics = {**file.contents.topics, **topics}
        counts.update(file.contents.counts)
        labels |= file.contents.labels
    labels |= metadata.get("custom_data", {})
    filled = [file.contents for file in files if any(file.contents.counts.values())]
    span = (
        min((contents.first_ros_ns for contents in filled), default=0),
        max((contents.last_ros_ns for contents in filled), default=0),
    )
    complete = all(file.contents.complete for file in files)
    overlaps = (a.last_ros_ns - b.first_ros_ns for a, b in itertools.pairwise(filled))
    set_back = max(*(contents.set_back_ns for contents in filled), *overlaps, 0, 0)
    complete = complete and not left_out
    return Bag(path, tuple(files), _typed(topics, metadata), dict(counts), span, labels, set_back, complete)


def _best(versions: Sequence[Path]) -> File:
    """The file that is whole, of a part that lies there compressed and not, as `ros2 bag play` leaves it."""
    found: list[File] = []
    problems: list[BagError] = []
    for path in versions:
        try:
            found.append(READERS[storage_of(path)](path))
        except BagError as error:
            problems.append(error)
    if not found:
        raise problems[0]
    return next((file for file in found if file.contents.complete), found[0])


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


def clock_problem(bag: Bag) -> str:
    """Why its times of reception cannot be; '' where they can. Nobody knows then what came when."""
    if bag.set_back_ns <= BACK_NS:
        return ""
    return f"the recorder's clock was set back by {bag.set_back_ns / NS_PER_S:.2f} s during the recording"


def refusals(bag: Bag, unlabelled: bool = False) -> list[str]:
    """Why nothing is learned from a bag, whatever its messages are like: the one rule of check and convert.

    ``unlabelled``: an episode that nobody judged is taken.
    """
    return [
        *([f"{why} (f2o bag recover)"] if (why := unfinished(bag)) else []),
        *([why] if (why := clock_problem(bag)) else []),
        *([FAILURE] if is_failure(bag.labels) else []),
        *([UNLABELLED] if is_unlabelled(bag.labels) and not unlabelled else []),
    ]


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


def in_order(streams: Iterable[Iterator[BagMessage]]) -> Iterator[BagMessage]:
    """Messages of several bags as one, in order of reception."""
    return heapq.merge(*streams, key=lambda message: message.log_ros_ns)


def part(
    bag: Bag, begin_ros_ns: int, end_ros_ns: int, topics: Collection[str] | None = None
) -> Iterator[BagMessage]:
    """Messages of ``topics`` from ``begin_ros_ns`` to ``end_ros_ns``, after what was latched before.

    The latched messages come as received with the first of the part, as the recorder repeats them at a start.
    """
    latched, begun = Latched(), False
    for message in bag.messages(topics):
        if message.log_ros_ns > end_ros_ns:
            break
        if message.log_ros_ns < begin_ros_ns:
            if (info := bag.topics[message.topic]).latched:
                latched.keep(message.topic, info.definition.name, message.data)
            continue
        if not begun:
            yield from latched.messages(message.log_ros_ns)
            begun = True
        yield message


def _refuse_links_out_of(folder: Path) -> None:
    """A bag is read where it lies: who sends one must not choose other files of the reader's.

    Raises:
        BagError: its metadata.yaml, a recording or a journal beside it is a link out of the folder.
    """
    if not folder.is_dir():
        return
    own = folder.resolve()
    for entry in folder.iterdir():
        belongs = entry.name == METADATA or any(ending in entry.name for ending in STORAGES)
        if belongs and entry.is_symlink() and not entry.resolve().is_relative_to(own):
            raise BagError(
                f"{folder}: {entry.name} is a link to {entry.resolve()}; expected a file in its own folder"
            )


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
