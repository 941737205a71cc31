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
from f2o_bags.motion import motion_span
from f2o_bags.read import Bag, in_order, open_bag, open_complete, unfinished
from f2o_bags.writer import COPYING, BagMessage, BagSummary, BagTopic, BagWriter

RECOVERED = "_recovered"  # appended to the name of a bag that is not called .partial


def recover(
    path: Path, out: Path | None = None, compression: str = "lz4", progress: bool = True
) -> BagSummary:
    """Write the readable part of a truncated bag as a finished one: `episode_0007.partial` as `episode_0007`.

    A bag of another name becomes `<name>_recovered`; ``out`` is a name of your choice.

    The new bag has the labels that the recorder wrote at the start, and `recovered: true`.

    Raises:
        BagError: not a bag, nothing in it, still being written, `out` exists, or not truncated and no ``out``.
    """
    bag = open_bag(path)
    if out is None and not unfinished(bag):
        raise BagError(f"{path}: not truncated; name a copy of its readable part with --out")
    if any(_is_locked(file.path) for file in bag.files):
        raise BagError(f"{path}: is being recorded now; end the recording first")
    out = out or path.with_name(bag.name + RECOVERED if bag.saved else bag.name)
    labels = {SUCCESS: "unknown", **bag.labels, "recovered": "true"}
    return _write(bag.messages(salvage=True), bag.topics, labels, out, compression, progress)


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
    part = f"{max(0, begin - first) / NS_PER_S:.3f} to {(min(end, last) - first) / NS_PER_S:.3f} s"
    labels = {**bag.labels, "trimmed": f"{bag.name}: {part}"}
    return _write(_between(bag, begin, end), bag.topics, labels, out, compression, progress)


def merge(paths: Collection[Path], out: Path, compression: str = "lz4", progress: bool = True) -> BagSummary:
    """Write the messages of several bags into one, in order of reception; the first bag's labels win.

    Raises:
        BagError: one is not a finished bag, a topic has another type in another bag, or `out` exists.
    """
    bags = [open_complete(path) for path in paths]
    topics: dict[str, BagTopic] = {}
    for bag in bags:
        for topic, info in bag.topics.items():
            known = topics.setdefault(topic, info)
            if known.definition.name != info.definition.name:
                raise BagError(
                    f"{bag.path}: {topic} is {info.definition.name}, expected {known.definition.name} as before"
                )
    labels = {key: value for bag in reversed(bags) for key, value in bag.labels.items()}
    labels["merged"] = ", ".join(bag.name for bag in bags)
    return _write(in_order(bags), topics, labels, out, compression, progress)


def _between(bag: Bag, begin: int, end: int) -> Iterator[BagMessage]:
    latched = {topic for topic, info in bag.topics.items() if info.latched}
    before: dict[str, BagMessage] = {}
    for message in bag.messages():
        if message.log_ros_ns > end:
            break
        if message.log_ros_ns >= begin:
            now = message.log_ros_ns
            yield from (replace(held, log_ros_ns=now, publish_ros_ns=now) for held in before.values())
            before.clear()
            yield message
        elif message.topic in latched:
            before[message.topic] = message


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
        return replace(summary, folder=writer.folder.rename(out))
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
