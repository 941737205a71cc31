"""Is an episode fit to learn from? Every doubt in one sentence, found before anybody trains on it.

What is looked for are the faults that labs report (reference: ros.md b, pains 11, 16, 17, 19, 23): topics that are
silent, late or slow, cameras that freeze, clocks that jump, views that drift apart, a gripper that nobody used,
demonstrations that begin with a pause.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.errors import BagError
from f2o_bags.facts import Facts, gather
from f2o_bags.labels import DROPS, LOST, SUCCESS
from f2o_bags.motion import Motion, positions_of
from f2o_bags.quality import Gap, Skew, longest_gap, worst_skew
from f2o_bags.read import Bag, open_bag, unfinished
from f2o_bags.topics import GRIPPER_STATES, JOINT_COMMAND, JOINT_STATES


@dataclass(frozen=True)
class Limits:
    """What is still good."""

    gap_periods: float = 6.0  # of a topic's own period ...
    gap_s: float = 0.1  # ... and never less than this
    rate: float = 0.8  # share of the expected rate
    frozen_s: float = 0.3  # a camera that shows the same picture so long while the arm moves
    jump_s: float = 0.5  # a stamp that runs away from the time of reception from one message to the next
    back_s: float = 0.05  # a stamp that goes back; a little less is messages that overtook each other
    late_s: float = 0.5  # median of reception after the stamp
    unmatched: float = 0.05  # share of frames without a partner in another view
    idle_s: float = 1.0  # stillness before the first motion
    gripper_m: float = 0.005  # the least a used gripper moves
    lost: float = 0.01  # share of all messages that DDS may lose


@dataclass(frozen=True)
class Verdict:
    """What was found in one bag."""

    path: Path
    problems: tuple[str, ...]
    duration_s: float = 0.0
    messages: int = 0
    success: str = "unknown"
    gap: Gap | None = None
    skew: Skew | None = None
    idle_s: float | None = None  # before the first motion
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def check(path: Path, limits: Limits = Limits()) -> Verdict:
    """The verdict on one bag; one that cannot be read is bad, with the sentence why."""
    try:
        bag = open_bag(path)
        return _check(bag, limits)
    except BagError as error:
        return Verdict(path, (str(error),))


def _check(bag: Bag, limits: Limits) -> Verdict:
    facts = gather(bag)
    gaps = _gaps(facts)
    skew = worst_skew(facts.tracks, {t: info.definition.name for t, info in bag.topics.items()})
    moving = facts.motion.moving() if facts.motion is not None else None
    idle_s = (moving[0] - facts.span[0]) / NS_PER_S if moving else None
    problems = [
        *([f"{why} (f2o bag recover)"] if (why := unfinished(bag)) else []),
        *_missing(facts),
        *_dropped(facts, limits),
        *_late(facts, gaps, limits),
        *_clocks(facts, limits),
        *_frozen(facts, moving, limits),
        *_apart(skew, limits),
        *_unused(facts, moving, idle_s, limits),
    ]
    counts = {topic: len(track.log_ros_ns) for topic, track in facts.tracks.items()}
    return Verdict(
        bag.path,
        tuple(problems),
        (facts.span[1] - facts.span[0]) / NS_PER_S,
        sum(counts.values()),
        bag.labels.get(SUCCESS, "unknown"),
        max(gaps, key=lambda gap: gap.periods, default=None),
        skew,
        idle_s,
        counts,
    )


def _grouped(found: list[tuple[float, str, str]]) -> list[str]:
    """The worst of findings of one kind (how bad, topic, sentence), and how many more topics have the like."""
    if not found:
        return []
    worst = max(found)
    more = len({topic for _, topic, _ in found} - {worst[1]})
    return [f"{worst[2]}{f' (and {more} more topics)' if more else ''}"]


def _missing(facts: Facts) -> list[str]:
    silent = [t for t in facts.hz if t not in facts.tracks or not len(facts.tracks[t].log_ros_ns)]
    return [f"nothing on {', '.join(silent)}"] if silent else []


def _dropped(facts: Facts, limits: Limits) -> list[str]:
    drops, lost = (_number(facts.bag.labels.get(key, "0")) for key in (DROPS, LOST))
    total = sum(len(track.log_ros_ns) for track in facts.tracks.values())
    problems = [f"{drops} messages dropped by the recorder"] if drops else []
    return problems + ([f"{lost} messages lost in transport"] if lost > limits.lost * (total + lost) else [])


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _gaps(facts: Facts) -> list[Gap]:
    """The longest gap of every topic that came at all and has a rate."""
    came = {
        t: hz
        for t, hz in facts.hz.items()
        if hz > 0 and t in facts.tracks and len(facts.tracks[t].log_ros_ns)
    }
    return [longest_gap(t, facts.tracks[t].log_ros_ns, facts.span, hz) for t, hz in came.items()]


def _late(facts: Facts, gaps: list[Gap], limits: Limits) -> list[str]:
    silent, slow = [], []
    for gap in gaps:
        hz = facts.hz[gap.topic]
        count = len(facts.tracks[gap.topic].log_ros_ns)
        got = count / max((facts.span[1] - facts.span[0]) / NS_PER_S, 1 / hz)
        if gap.seconds > max(limits.gap_periods / hz, limits.gap_s):
            told = f"gap of {gap.seconds:.2f} s at {gap.at_s:.1f} s on {gap.topic}"
            silent.append((gap.seconds, gap.topic, told))
        elif got < limits.rate * hz:
            slow.append((1 - got / hz, gap.topic, f"{got:.1f} Hz on {gap.topic}, expected {hz:.4g}"))
    return _grouped(silent) + _grouped(slow)


def _clocks(facts: Facts, limits: Limits) -> list[str]:
    jumps, late = [], []
    for topic, track in facts.tracks.items():
        stamps, log = track.stamps_ros_ns, track.log_ros_ns
        if len(stamps) < 2 or len(stamps) != len(log) or topic not in facts.hz:
            continue
        steps, waits = np.diff(stamps) / NS_PER_S, np.diff(log) / NS_PER_S
        bad = np.flatnonzero((np.abs(steps - waits) > limits.jump_s) | (steps < -limits.back_s))
        behind = float(np.median(log - stamps)) / NS_PER_S
        if len(bad):
            by, when = steps[bad[0]] - waits[bad[0]], (log[bad[0] + 1] - facts.span[0]) / NS_PER_S
            jumps.append((abs(by), topic, f"clock of {topic} jumps by {by:+.2f} s at {when:.1f} s"))
        elif abs(behind) > limits.late_s:
            late.append((abs(behind), topic, f"stamps of {topic} are {behind:+.2f} s from their reception"))
    return _grouped(jumps) + _grouped(late)


def _frozen(facts: Facts, moving: tuple[int, int] | None, limits: Limits) -> list[str]:
    if moving is None or facts.motion is None:
        return []
    problems = []
    for topic, runs in facts.still.items():
        for begin, end in runs:
            if end - begin > limits.frozen_s * NS_PER_S and _moved_between(facts.motion, begin, end):
                when = (begin - facts.span[0]) / NS_PER_S
                problems.append(f"{topic} is frozen for {(end - begin) / NS_PER_S:.2f} s at {when:.1f} s")
                break
    return problems


def _moved_between(motion: Motion, begin: int, end: int) -> bool:
    """Whether the arm moves visibly: 0.03 rad in any joint."""
    inside = motion.positions[(motion.times_ros_ns >= begin) & (motion.times_ros_ns <= end)]
    return len(inside) > 1 and bool(np.ptp(inside, axis=0).max() > 0.03)


def _apart(skew: Skew | None, limits: Limits) -> list[str]:
    if skew is None or skew.unmatched <= limits.unmatched:
        return []
    first, second = skew.views
    return [
        f"{skew.unmatched:.0%} of the frames of {first} have none of {second} near, up to {skew.worst_s:.3f} s"
    ]


def _unused(facts: Facts, moving: tuple[int, int] | None, idle_s: float | None, limits: Limits) -> list[str]:
    if facts.motion is None:
        return [f"no usable message on {JOINT_COMMAND} or {JOINT_STATES}"]
    if moving is None or idle_s is None:
        return ["the arm never moved"]
    problems = []
    if idle_s > limits.idle_s:
        problems.append(f"idle for {idle_s:.1f} s before the first motion (f2o bag trim --idle)")
    gripper = positions_of(facts.bag, GRIPPER_STATES)
    if gripper is not None and np.ptp(gripper.positions, axis=0).sum() < limits.gripper_m:
        problems.append("the gripper never moved")
    return problems
