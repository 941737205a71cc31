"""The recorder's report on an episode: one line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from f2o_bags.labels import DROPS, LOST
from f2o_bags.quality import TopicTimes, longest_gaps, worst_gap, worst_skew
from f2o_bags.writer import BagSummary

from f2o_teleop.recorder_config import RecorderConfig


@dataclass(frozen=True)
class Missing:
    """Messages that are not in the bag, by topic."""

    dropped: Counter[str] = field(default_factory=Counter)  # received, but the queue was full
    lost: Counter[str] = field(default_factory=Counter)  # published, but lost in transport
    uncounted: frozenset[str] = frozenset()  # topics whose losses cannot be counted

    def labels(self) -> dict[str, str]:
        """As labels of the bag; `missing` has the sum of both by topic."""
        topics = {"missing": json.dumps(self.dropped + self.lost)} if self.dropped or self.lost else {}
        if self.uncounted:
            topics["lost_uncounted"] = json.dumps(sorted(self.uncounted))
        return {DROPS: str(self.dropped.total()), LOST: str(self.lost.total()), **topics}

    def __str__(self) -> str:
        uncounted = f", not counted on {', '.join(sorted(self.uncounted))}" if self.uncounted else ""
        return f"{_counted(self.dropped, 'dropped')}, {_counted(self.lost, 'lost in transport')}{uncounted}"


def episode_report(
    summary: BagSummary, missing: Missing, times: Mapping[str, TopicTimes], config: RecorderConfig
) -> str:
    """Duration, missing messages, worst gap, skew and counts; silent topics by name."""
    counts = ", ".join(f"{topic} {count}" for topic, count in summary.counts.items() if count)
    silent = ", ".join(topic for topic, count in summary.counts.items() if not count)
    parts = [
        f"{summary.duration_s:.2f} s",
        f"{summary.messages} messages",
        str(missing),
        f"{summary.size_bytes / 1e6:.1f} MB",
    ]
    if gap := worst_gap(longest_gaps(times, config.expected_hz())):
        parts.append(f"worst gap {gap.seconds * 1e3:.0f} ms ({gap.topic})")
    if skew := worst_skew(times, {topic: entry.type for topic, entry in config.all_topics().items()}):
        parts.append(f"skew {skew.worst_s * 1e3:.0f} ms")
    return f"{', '.join(parts)}: {counts}{f'; nothing on {silent}' if silent else ''}"


def _counted(counter: Counter[str], what: str) -> str:
    topics = ", ".join(f"{topic} {count}" for topic, count in counter.items())
    return f"{counter.total()} {what}{f' ({topics})' if topics else ''}"
