"""New bags made of old ones: recovered, trimmed, merged. The old ones are never touched."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from f2o_nodekit.stamps import NS_PER_S
from tqdm import tqdm

from f2o_bags.errors import BagError
from f2o_bags.labels import SUCCESS
from f2o_bags.metadata import sync_folder
from f2o_bags.motion import motion_span
from f2o_bags.read import Bag, in_order, open_complete, open_readable, part, unfinished
from f2o_bags.writer import COPYING, BagMessage, BagSummary, BagTopic, BagWriter

RECOVERED = "_recovered"  # appended to the name of a bag that is not called .partial


def recover(
    path: Path, out: Path | None = None, compression: str = "lz4", progress: bool = True
) -> BagSummary:
    """Write the readable part of a truncated bag as a finished one: `episode_0007.partial` as `episode_0007`.

    A bag of another name becomes `<name>_recovered`; ``out`` is a name of your choice.

    Parts of a split bag that cannot be read at all are left out, and named in the summary. The new bag has the labels
    that the recorder wrote at the start, and `recovered: true`.

    Raises:
        BagError: not a bag, nothing in it, still being written, `out` exists, or not truncated and no ``out``.
    """
    bag, left_out = open_readable(path)
    if out is None and not unfinished(bag):
        raise BagError(f"{path}: not truncated; name a copy of its readable part with --out")
    if any(_is_locked(file.path) for file in bag.files):
        raise BagError(f"{path}: is being recorded now; end the recording first")
    out = out or path.with_name(bag.name + RECOVERED if bag.saved else bag.name)
    labels = {SUCCESS: "unknown", **bag.labels, "recovered": "true"}
    written = _write(bag.messages(salvage=True), bag.topics, labels, out, compression, progress)
    return replace(written, left_out=tuple(left_out))


def trim(
    path: Path,
    out: Path,
    begin_s: float | None = None,
    end_s: float | None = None,
    idle_s: float | None = None,
    compression: str = "lz4",
    progress: bool = True,
) -> BagSummary:
    """Write a part of a bag: from ``begin_s`` to ``end_s`` after its start, or all but its idle ends.

    ``idle_s`` leaves that much stillness before the arm's first motion and after its last. The last message of every
    latched topic from before the part is repeated at the new start, as the recorder does.

    Raises:
        BagError: not a finished bag, nothing left, nothing moves, or `out` exists.
    """
    bag = open_complete(path)
    if not any(bag.counts.values()):
        raise BagError(f"{path}: no message in it")
    first, last = begin, end = bag.span_ros_ns
    if idle_s is not None:
        moving = motion_span(bag)
        begin, end = moving[0] - round(idle_s * NS_PER_S), moving[1] + round(idle_s * NS_PER_S)
    if begin_s is not None:
        begin = max(begin, first + round(begin_s * NS_PER_S))
    if end_s is not None:
        end = min(end, first + round(end_s * NS_PER_S))
    if end <= begin:
        length = (last - first) / NS_PER_S
        raise BagError(f"{path}: nothing left: expected a part within 0 to {length:.2f} s, start before end")
    kept = f"{max(0, begin - first) / NS_PER_S:.3f} to {(min(end, last) - first) / NS_PER_S:.3f} s"
    labels = {**bag.labels, "trimmed": f"{bag.name}: {kept}"}
    return _write(part(bag, begin, end), bag.topics, labels, out, compression, progress)


def merge(
    paths: Collection[Path], out: Path, compression: str = "lz4", progress: bool = True
) -> tuple[BagSummary, list[str]]:
    """Write the messages of several bags into one, in order of reception; the first bag's labels win.

    A bag that is not finished, cannot be read, or has another type for a topic of those before it is left out.

    Returns:
        The new bag, and of each bag that is not in it one sentence.

    Raises:
        BagError: no bag is left, or `out` exists.
    """
    bags, left_out = _mergeable(paths)
    while bags:
        topics = {topic: info for bag in reversed(bags) for topic, info in bag.topics.items()}
        labels = {key: value for bag in reversed(bags) for key, value in bag.labels.items()}
        labels["merged"] = ", ".join(bag.name for bag in bags)
        try:
            return _write(
                in_order(_read(bag) for bag in bags), topics, labels, out, compression, progress
            ), left_out
        except _DamagedBag as error:  # begin again without it
            bags.remove(error.bag)
            left_out.append(str(error))
    alone = left_out[0] if len(left_out) == 1 else ""
    raise BagError(alone or f"{out}: not written: no bag is left to merge: {'; '.join(left_out)}")


def _mergeable(paths: Collection[Path]) -> tuple[list[Bag], list[str]]:
    """The bags that fit together, and why the others do not."""
    bags: list[Bag] = []
    left_out: list[str] = []
    types: dict[str, str] = {}
    for path in paths:
        try:
            bag = open_complete(path)
            new = {topic: info.definition.name for topic, info in bag.topics.items()}
            for topic in new.keys() & types.keys():
                if new[topic] != types[topic]:
                    raise BagError(f"{path}: {topic} is {new[topic]}, expected {types[topic]} as before")
        except Exception as error:  # one bag never ends a batch, whatever is in it
            left_out.append(str(error) if isinstance(error, BagError) else f"{path}: {error!r}")
        else:
            bags.append(bag)
            types |= new
    return bags, left_out


class _DamagedBag(Exception):
    """Reading a bag failed."""

    def __init__(self, bag: Bag, problem: str) -> None:
        super().__init__(problem)
        self.bag = bag


def _read(bag: Bag) -> Iterator[BagMessage]:
    """Its messages; whatever it raises names it."""
    try:
        yield from bag.messages()
    except Exception as error:
        problem = str(error) if isinstance(error, BagError) else f"{bag.path}: {error!r}"
        raise _DamagedBag(bag, problem) from error


def _write(
    messages: Iterable[BagMessage],
    topics: Mapping[str, BagTopic],
    labels: Mapping[str, str],
    out: Path,
    compression: str,
    progress: bool,
) -> BagSummary:
    """A finished bag at ``out``; until then it is called ``out.copying``, and a failure leaves nothing behind."""
    if out.exists():
        raise BagError(f"{out}: exists already; expected the name of a new bag")
    writer = BagWriter(out.parent, out.name, topics, labels, compression, COPYING)
    bar = tqdm(messages, desc=out.name, unit=" messages", unit_scale=True, disable=not progress)
    try:
        with closing(bar):
            for message in bar:
                writer.write(message)
        if not any(writer.counts.values()):
            raise BagError(f"{out}: not written: there is no readable message to keep")
        summary = writer.close(labels)
        folder = writer.folder.rename(out)
        sync_folder(out.parent)
        return replace(summary, folder=folder)
    except BaseException as error:  # Ctrl-C too
        writer.abandon()
        shutil.rmtree(writer.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise BagError(f"{out}: cannot be written: {error.strerror}") from error
        raise


def _is_locked(file: Path) -> bool:
    """Whether a recorder is writing this file (BagWriter locks it; the lock of a killed process is released)."""
    with file.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
