"""Verdicts and contents of bags as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.check import Verdict
from f2o_bags.read import open_bag


@dataclass(frozen=True)
class TopicInfo:
    """One topic of a bag."""

    topic: str
    type: str
    count: int
    hz: float  # mean
    stored: str  # its name inside the bag: commands have a prefix


@dataclass(frozen=True)
class BagInfo:
    """Contents of a bag."""

    path: Path
    complete: bool
    duration_s: float
    messages: int
    size_bytes: int
    start_ros_ns: int
    labels: dict[str, str]
    topics: tuple[TopicInfo, ...]


def info(path: Path) -> BagInfo:
    """The contents of the bag at ``path``.

    Raises:
        BagError: there is none, or it cannot be read.
    """
    bag = open_bag(path)
    begin, end = bag.span_ros_ns
    seconds = (end - begin) / NS_PER_S
    topics = tuple(
        TopicInfo(topic, info.definition.name, count, count / seconds if seconds else 0.0, info.stored(topic))
        for topic, info in bag.topics.items()
        for count in [bag.counts[topic]]
    )
    total = sum(bag.counts.values())
    return BagInfo(path, bag.complete, seconds, total, bag.size_bytes, begin, bag.labels, topics)


def info_lines(bag: BagInfo, topics: bool = True) -> list[str]:
    """The contents as text; without ``topics``, one line."""
    state = "complete" if bag.complete else "TRUNCATED"
    task = f"{bag.labels.get('task', '')} success {bag.labels.get('success', 'unknown')}".strip()
    head = (
        f"{bag.path}  {state}  {bag.duration_s:.2f} s  {bag.messages} messages  "
        f"{bag.size_bytes / 1e6:.1f} MB  {task}"
    )
    if not topics:
        return [head]
    width = max((len(t.topic) for t in bag.topics), default=0)
    rows = [
        f"  {t.topic:<{width}}  {t.count:>7}  {t.hz:>7.1f} Hz  {t.type}{'  (a command)' * (t.stored != t.topic)}"
        for t in bag.topics
    ]
    labels = [f"  {key}: {value}" for key, value in bag.labels.items()]
    return [head, *rows, *labels]


def verdict_line(verdict: Verdict) -> str:
    """The verdict as one line."""
    if not verdict.messages:
        return f"{verdict.word:<5}{verdict.path}: {'; '.join(verdict.problems)}"
    gap = f"gap {verdict.gap.seconds * 1e3:.0f} ms" if verdict.gap else "no rate known"
    skew = f", skew {verdict.skew.worst_s * 1e3:.0f} ms" if verdict.skew else ""
    idle = f", idle {verdict.idle_s:.1f} s" if verdict.idle_s is not None else ""
    head = (
        f"{verdict.word:<5}{verdict.path}  {verdict.duration_s:.2f} s, "
        f"{verdict.messages} messages, success {verdict.success}, {gap}{skew}{idle}"
    )
    return head if verdict.good else f"{head}: {'; '.join(verdict.problems)}"


def plain(value: Any) -> Any:
    """A dataclass with a ``path`` as JSON accepts it."""
    tree = asdict(value)
    tree["path"] = str(tree["path"])
    return tree
