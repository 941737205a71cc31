"""Verdicts and contents as text and as JSON."""

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
    stored: str  # its name inside the bag: another one where somebody acts on it


@dataclass(frozen=True)
class BagInfo:
    """What is in a bag."""

    path: Path
    complete: bool
    duration_s: float
    messages: int
    size_bytes: int
    start_ros_ns: int
    labels: dict[str, str]
    topics: tuple[TopicInfo, ...]


def info(path: Path) -> BagInfo:
    """What is in the bag at ``path``.

    Raises:
        BagError: there is none.
    """
    bag = open_bag(path)
    begin, end = bag.span_ros_ns
    seconds = (end - begin) / NS_PER_S
    rates = {topic: count / seconds if seconds else 0.0 for topic, count in bag.counts.items()}
    topics = tuple(
        TopicInfo(topic, info.definition.name, bag.counts[topic], rates[topic], info.stored(topic))
        for topic, info in bag.topics.items()
    )
    total = sum(bag.counts.values())
    return BagInfo(path, bag.complete, seconds, total, bag.size_bytes, begin, bag.labels, topics)


def info_lines(about: BagInfo, topics: bool = True) -> list[str]:
    """The contents as text; without ``topics``, one line."""
    state = "complete" if about.complete else "CUT OFF"
    task = f"{about.labels.get('task', '')} success {about.labels.get('success', 'unknown')}".strip()
    head = (
        f"{about.path}  {state}  {about.duration_s:.2f} s  {about.messages} messages  "
        f"{about.size_bytes / 1e6:.1f} MB  {task}"
    )
    if not topics:
        return [head]
    width = max((len(t.topic) for t in about.topics), default=0)
    rows = [
        f"  {t.topic:<{width}}  {t.count:>7}  {t.hz:>7.1f} Hz  {t.type}{'  (a command)' * (t.stored != t.topic)}"
        for t in about.topics
    ]
    labels = [f"  {key}: {value}" for key, value in about.labels.items()]
    return [head, *rows, *labels]


def verdict_line(verdict: Verdict) -> str:
    """One line on one bag."""
    if not verdict.messages:
        return f"BAD  {verdict.path}: {'; '.join(verdict.problems)}"
    gap = f"gap {verdict.gap.seconds * 1e3:.0f} ms" if verdict.gap else "no rate known"
    skew = f", skew {verdict.skew.worst_s * 1e3:.0f} ms" if verdict.skew else ""
    idle = f", idle {verdict.idle_s:.1f} s" if verdict.idle_s is not None else ""
    head = (
        f"{'ok ' if verdict.good else 'BAD'}  {verdict.path}  {verdict.duration_s:.2f} s, "
        f"{verdict.messages} messages, success {verdict.success}, {gap}{skew}{idle}"
    )
    return head if verdict.good else f"{head}: {'; '.join(verdict.problems)}"


def plain(value: Any) -> Any:
    """A dataclass as JSON takes it."""
    tree = asdict(value)
    tree["path"] = str(tree["path"])
    return tree
