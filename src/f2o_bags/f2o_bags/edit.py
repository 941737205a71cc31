"""New bags made of old ones: recovered, trimmed, merged. The old ones are never touched."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from f2o_nodekit.stamps import NS_PER_S
from tqdm import tqdm

from f2o_bags.errors import BagError
from f2o_bags.labels import SUCCESS
from f2o_bags.motion import motion
from f2o_bags.read import Bag, in_order, open_bag, open_complete, unfinished
from f2o_bags.storage import BagMessage
from f2o_bags.writer import COPYING, BagSummary, BagTopic, BagWriter

RECOVERED = "_recovered"  # behind the name of a bag that is not called .partial


def recover(
    path: Path, out: Path | None = None, compression: str = "lz4", progress: bool = True
) -> BagSummary:
    """Write what is readable of a bag that was cut off as a finished one: `episode_0007.partial` as `episode_0007`.

    One that is called otherwise becomes `<name>_recovered`, and ``out`` is another name.

    It gets the labels that the recorder wrote at the start, and `recovered: true`.

    Raises:
        BagError: not a bag, nothing in it, still being written, `out` exists, or not cut off and no ``out``.
    """
    bag = open_bag(path)
    if out is None and not unfinished(bag):
        raise BagError(f"{path}: not cut off; say where a copy of what is readable shall be with --out")
    if _being_written(bag):
        raise BagError(f"{path}: is being recorded now; end the recording first")
    out = out or path.with_name(bag.name if not bag.kept else bag.name + RECOVERED)
    labels = {SUCCESS: "unknown", **bag.labels, "recovered": "true"}
    messages = bag.messages(to_the_cut=True)  # from the front, even where only the index is lost
    return _write(messages, bag.topics, labels, out, compression, progress)


def trim(
    path: Path,
    out: Path,
    begin_s: float | None = None,
    end_s: float | None = None,
    idle_s: float | None = None,
    compression: str = "lz4",
    progress: bool = True,
) -> BagSummary:
    """Keep a part of a bag: from ``begin_s`` to ``end_s`` after its start, or all but its idle ends.

    ``idle_s`` keeps that much stillness before the first motion of the arm and after the last. Latched topics get
    their last message from before the cut again at the new start, as the recorder does.

    Raises:
        BagError: not a finished bag, nothing left, nothing moves, or `out` exists.
    """
    bag = open_complete(path)
    span = _span(bag)
    begin, end = span
    if idle_s is not None:
        begin, end = motion(bag)
        begin, end = begin - round(idle_s * NS_PER_S), end + round(idle_s * NS_PER_S)
    if begin_s is not None:
        begin = max(begin, span[0] + round(begin_s * NS_PER_S))
    if end_s is not None:
        end = min(end, span[0] + round(end_s * NS_PER_S))
    if end <= begin:
        length = (span[1] - span[0]) / NS_PER_S
        raise BagError(
            f"{path}: nothing left: expected a part of 0 to {length:.2f} s, its first before its last"
        )
    kept = f"{max(0.0, (begin - span[0]) / NS_PER_S):.3f} to {(min(end, span[1]) - span[0]) / NS_PER_S:.3f} s"
    labels = {**bag.labels, "trimmed": f"{bag.name}: {kept}"}
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


def _span(bag: Bag) -> tuple[int, int]:
    if not any(bag.counts.values()):
        raise BagError(f"{bag.path}: no message in it")
    return bag.span_ros_ns


def _between(bag: Bag, begin: int, end: int) -> Iterator[BagMessage]:
    latched = {topic for topic, info in bag.topics.items() if is_latched(info)}
    before: dict[str, BagMessage] = {}
    for message in bag.messages():
        if message.log_ros_ns > end:
            break
        if message.log_ros_ns >= begin:
            for held in before.values():
                yield BagMessage(held.topic, held.data, message.log_ros_ns, message.log_ros_ns)
            before.clear()
            yield message
        elif message.topic in latched:
            before[message.topic] = message


def is_latched(topic: BagTopic) -> bool:
    """Whether its publishers offered it to late joiners."""
    return any(profile.get("durability") in ("transient_local", 1) for profile in topic.offered_qos)


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
    try:
        with closing(
            tqdm(messages, desc=out.name, unit=" messages", unit_scale=True, disable=not progress)
        ) as bar:
            for message in bar:
                writer.write(message.topic, message.data, message.log_ros_ns, message.publish_ros_ns)
        if not any(writer.counts.values()):
            raise BagError(f"{out}: not written: there is no readable message to keep")
        summary = writer.close(labels)
        return BagSummary(
            writer.folder.rename(out),
            summary.counts,
            summary.start_ros_ns,
            summary.end_ros_ns,
            summary.size_bytes,
        )
    except BaseException as error:  # Ctrl-C too
        writer.abandon()
        shutil.rmtree(writer.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise BagError(f"{out}: cannot be written: {error.strerror}") from error
        raise


def _being_written(bag: Bag) -> bool:
    """Whether a recorder holds one of its files; a killed one lets go."""
    return any(is_locked(file.path) for file in bag.files)


def is_locked(file: Path) -> bool:
    """Whether somebody writes this file now (BagWriter locks it)."""
    with file.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
