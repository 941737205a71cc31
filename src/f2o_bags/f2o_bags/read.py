"""Bags as they lie on the disk, finished or cut off, whoever wrote them."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from f2o_bags.errors import BagError
from f2o_bags.mcap_file import (
    BagMessage,
    counts_to_the_cut,
    declared,
    indexed_counts,
    ordered,
    to_the_cut,
)
from f2o_bags.writer import PARTIAL, BagTopic, read_metadata


@dataclass(frozen=True)
class Bag:
    """A bag that can be read.

    Attributes:
        path: its folder, or its file where there is no folder of its own.
        files: its MCAP files in order of time.
        topics: what it declares.
        labels: custom_data of metadata.yaml; in a bag without one, what the recorder wrote into the file.
        complete: whether every file ends as MCAP files do, and metadata.yaml is there.
    """

    path: Path
    files: tuple[Path, ...]
    topics: dict[str, BagTopic]
    labels: dict[str, str]
    complete: bool

    @property
    def name(self) -> str:
        """The name of the episode."""
        return self.path.name.removesuffix(PARTIAL).removesuffix(".mcap")

    @property
    def size_bytes(self) -> int:
        """Of its files."""
        return sum(file.stat().st_size for file in self.files)

    def counted(self) -> tuple[dict[str, int], int, int]:
        """Messages by topic, and the first and last reception [ROS ns]; from the index where there is one."""
        counts, first, last = dict.fromkeys(self.topics, 0), sys.maxsize, 0
        for file in self.files:
            inside = indexed_counts(file) if self.complete else counts_to_the_cut(file)
            for topic, count in inside[0].items():
                counts[topic] += count
            first, last = min(first, inside[1]), max(last, inside[2])
        return counts, first if last else 0, last

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """Messages of ``topics`` (default: all) in order of reception; from a file that was cut off, up to the cut.

        Raises:
            BagError: a finished file is damaged.
        """
        for file in self.files:
            yield from ordered(file, topics) if self.complete else to_the_cut(file, topics)


def open_bag(path: Path) -> Bag:
    """The bag at ``path``: an episode's folder (also a ``.partial`` one), or an MCAP file.

    Raises:
        BagError: there is none, or it is no MCAP bag; the text says what is there instead.
    """
    files = _files(path)
    ends = [declared(file) for file in files]
    topics: dict[str, BagTopic] = {}
    labels: dict[str, str] = {}
    for told, inside, _ in ends:
        topics |= told
        labels |= inside
    has_metadata = path.is_dir() and (path / "metadata.yaml").is_file()
    if has_metadata:
        labels |= {str(k): str(v) for k, v in (read_metadata(path).get("custom_data") or {}).items()}
    complete = all(ended for _, _, ended in ends) and (has_metadata or path.is_file())
    return Bag(path, files, topics, labels, complete)


def open_complete(path: Path) -> Bag:
    """As ``open_bag``, for what needs a finished bag.

    Raises:
        BagError: also when its recording was cut off.
    """
    bag = open_bag(path)
    if not bag.complete:
        raise BagError(
            f"{path}: its recording was cut off; run `f2o bag recover {path}` and use what that writes"
        )
    return bag


def find_bags(paths: Collection[Path], partial: bool = False) -> list[Path]:
    """The bags at ``paths``, each of which is a bag or a folder of bags; with ``partial``, only the unfinished ones.

    Raises:
        BagError: a path holds none.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted({file.parent for file in path.glob("*/*.mcap")}) if path.is_dir() else []
        here = [path] if path.is_file() or any(path.glob("*.mcap")) else inside
        if partial and here == inside:
            here = [bag for bag in inside if bag.name.endswith(PARTIAL)]
        if not here:
            what = f"bag whose recording was cut off (*{PARTIAL})" if partial and inside else "bag"
            raise BagError(f"{path}: no {what} here{'' if path.exists() else ' (no such file or folder)'}")
        found += here
    return found


def in_order(bags: Collection[Bag], topics: Collection[str] | None = None) -> Iterator[BagMessage]:
    """Messages of several bags as one, in order of reception."""
    return heapq.merge(*(bag.messages(topics) for bag in bags), key=lambda message: message.log_ros_ns)


def _files(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        if path.suffix != ".mcap":
            raise BagError(f"{path}: not a bag: expected an episode's folder or an .mcap file")
        return (path,)
    if not path.is_dir():
        raise BagError(f"{path}: no such bag")
    metadata = read_metadata(path) if (path / "metadata.yaml").is_file() else {}
    storage = metadata.get("storage_identifier") or "mcap"
    if storage != "mcap" or metadata.get("compression_mode"):
        how = f"{storage} {metadata.get('compression_mode') or ''}".strip()
        raise BagError(f"{path}: stored as {how}, expected mcap with its own compression (ros2 bag convert)")
    if metadata.get("relative_file_paths"):
        files = [path / name for name in metadata["relative_file_paths"]]
    else:
        files = sorted(
            path.glob("*.mcap"), key=lambda file: (len(file.name), file.name)
        )  # _10 comes after _9
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        raise BagError(f"{path}: not a bag: no {', '.join(missing) or '.mcap file'} in it")
    return tuple(files)
