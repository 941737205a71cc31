"""Is an episode fit to learn from? Every problem in one sentence, found before anybody trains on it.

An episode is ok, poor or BAD. Conversion takes the first two, or with ``--strict`` the first alone: see ``Verdict``.

These are the faults that labs report (reference: ros.md b, pains 11, 16, 17, 19, 23): topics that are silent, late or
slow, cameras that freeze, clocks that jump, views that drift apart, a gripper that nobody used, demonstrations that
begin with a pause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.errors import BagError
from f2o_bags.labels import DROPS, LOST, SUCCESS
from f2o_bags.motion import positions_of
from f2o_bags.quality import Gap, Skew, longest_gaps, worst_gap, worst_skew
from f2o_bags.read import Bag, open_bag, refusals
from f2o_bags.statistics import BagStatistics, collect_statistics
from f2o_bags.topics import GRIPPER_STATES, JOINT_COMMAND, JOINT_STATES

MOVED_RAD = 0.03  # of any joint, which a camera can see


@dataclass(frozen=True)
class Limits:
    """Bounds of what is good."""

    gap_periods: float = 6.0  # of a topic's own period ...
    gap_s: float = 0.1  # ... and never less than this
    rate: float = 0.8  # share of the expected rate
    frozen_s: float = 0.3  # a camera may repeat an image for so long while the arm moves
    jump_s: float = 0.5  # difference between stamp and time of reception, from one message to the next
    back_s: float = 0.05  # a stamp that goes back; messages that overtake each other do so a little
    late_s: float = 0.5  # median of reception after the stamp
    unmatched: float = 0.05  # share of frames without a partner in another view
    idle_s: float = 1.0  # stillness before the first motion
    gripper_m: float = 0.005  # least motion of a gripper in use
    lost: float = 0.01  # share of all messages that DDS may lose
    unlabelled: bool = False  # an episode that nobody judged is good


@dataclass(frozen=True)
class Verdict:
    """What was found in one bag.

    It is BAD where ``f2o convert`` refuses it, poor where it could be better, and ok without a problem.
    """

    path: Path
    problems: tuple[str, ...]  # why it is BAD before why it is poor
    usable: bool = False  # not BAD
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

    @property
    def word(self) -> str:
        """``ok``, ``poor`` or ``BAD``."""
        return "ok" if self.good else "poor" if self.usable else "BAD"


Rule = Callable[[Bag], Sequence[str]]
"""Says what is wrong with a bag, in sentences; other packages have some (entry points ``f2o.bag.rules``)."""


def check(path: Path, limits: Limits = Limits(), rules: Sequence[Rule] = ()) -> Verdict:
    """The verdict on one bag, also by ``rules`` where it is not BAD without them; one that cannot be read says why."""
    try:
        bag = open_bag(path)
        verdict = _judge(collect_statistics(bag), limits)
        more = [problem for rule in rules for problem in rule(bag)] if verdict.usable else []
        return replace(verdict, problems=(*more, *verdict.problems), usable=verdict.usable and not more)
    except BagError as error:
        return Verdict(path, (str(error),))
    except Exception as error:  # one bag never ends a batch, whatever is in it
        return Verdict(path, (f"{path}: {type(error).__name__}: {error}",))


def _judge(found: BagStatistics, limits: Limits) -> Verdict:
    bag, (begin, end) = found.bag, found.span_ros_ns
    gaps = longest_gaps({t: times for t, times in found.times.items() if len(times)}, found.hz)
    skew = worst_skew(found.times, {t: info.definition.name for t, info in bag.topics.items()})
    moving = found.motion.moving() if found.motion is not None else None
    idle_s = (moving[0] - begin) / NS_PER_S if moving else None
    refused = refusals(bag, limits.unlabelled)
    problems = [
        *refused,
        *_silent(found),
        *_missing(found, limits),
        *_late(found, gaps, limits),
        *_clock_jumps(found, limits),
        *(_frozen(found, limits) if moving else []),
        *_skewed(skew, limits),
        *_motionless(found, idle_s, limits),
    ]
    counts = {topic: len(times) for topic, times in found.times.items()}
    return Verdict(
        bag.path,
        tuple(problems),
        not refused,
        (end - begin) / NS_PER_S,
        sum(counts.values()),
        bag.labels.get(SUCCESS, "unknown"),
        worst_gap(gaps),
        skew,
        idle_s,
        counts,
    )


def _worst(found: list[tuple[float, str, str]]) -> list[str]:
    """The worst of problems of one kind (how bad, topic, sentence), and how many more topics have the like."""
    if not found:
        return []
    _, topic, sentence = max(found)
    more = len({other for _, other, _ in found} - {topic})
    return [f"{sentence}{f' (and {more} more topics)' if more else ''}"]


def _silent(found: BagStatistics) -> list[str]:
    silent = [topic for topic in found.hz if topic not in found.times or not len(found.times[topic])]
    return [f"nothing on {', '.join(silent)}"] if silent else []


def _missing(found: BagStatistics, limits: Limits) -> list[str]:
    texts = [found.bag.labels.get(key, "") for key in (DROPS, LOST)]
    drops, lost = (int(text) if text.isdigit() else 0 for text in texts)
    total = sum(len(times) for times in found.times.values())
    problems = [f"{drops} messages dropped by the recorder"] if drops else []
    return problems + ([f"{lost} messages lost in transport"] if lost > limits.lost * (total + lost) else [])


def _late(found: BagStatistics, gaps: list[Gap], limits: Limits) -> list[str]:
    long, slow = [], []
    duration_s = (found.span_ros_ns[1] - found.span_ros_ns[0]) / NS_PER_S
    for gap in gaps:
        topic, expected = gap.topic, found.hz[gap.topic]
        hz = len(found.times[topic]) / max(duration_s, 1 / expected)
        if gap.seconds > max(limits.gap_periods / expected, limits.gap_s):
            long.append((gap.seconds, topic, f"gap of {gap.seconds:.2f} s at {gap.at_s:.1f} s on {topic}"))
        elif hz < limits.rate * expected:
            slow.append((1 - hz / expected, topic, f"{hz:.1f} Hz on {topic}, expected {expected:.4g}"))
    return _worst(long) + _worst(slow)


def _clock_jumps(found: BagStatistics, limits: Limits) -> list[str]:
    jumps, late = [], []
    for topic in found.hz:
        if topic not in found.times:
            continue
        stamps, log = found.times[topic].stamps_ros_ns, found.times[topic].log_ros_ns
        if len(stamps) < 2 or len(stamps) != len(log):
            continue
        steps, waits = np.diff(stamps) / NS_PER_S, np.diff(log) / NS_PER_S
        bad = np.flatnonzero((np.abs(steps - waits) > limits.jump_s) | (steps < -limits.back_s))
        behind = float(np.median(log - stamps)) / NS_PER_S
        if len(bad):
            by, at_s = steps[bad[0]] - waits[bad[0]], (log[bad[0] + 1] - found.span_ros_ns[0]) / NS_PER_S
            jumps.append((abs(by), topic, f"clock of {topic} jumps by {by:+.2f} s at {at_s:.1f} s"))
        elif abs(behind) > limits.late_s:
            late.append((abs(behind), topic, f"stamps of {topic} are {behind:+.2f} s from their reception"))
    return _worst(jumps) + _worst(late)


def _frozen(found: BagStatistics, limits: Limits) -> list[str]:
    """Of each camera the first image that it repeats too long while the arm moves."""
    problems = []
    for topic, runs in found.repeats.items():
        for begin, end in runs:
            seconds = (end - begin) / NS_PER_S
            if seconds > limits.frozen_s and _arm_moves(found, begin, end):
                at_s = (begin - found.span_ros_ns[0]) / NS_PER_S
                problems.append(f"{topic} is frozen for {seconds:.2f} s at {at_s:.1f} s")
                break
    return problems


def _arm_moves(found: BagStatistics, begin: int, end: int) -> bool:
    assert found.motion is not None  # otherwise nothing moves, and no image counts as frozen
    times = found.motion.times_ros_ns
    inside = found.motion.positions[(times >= begin) & (times <= end)]
    return len(inside) > 1 and bool(np.ptp(inside, axis=0).max() > MOVED_RAD)


def _skewed(skew: Skew | None, limits: Limits) -> list[str]:
    if skew is None or skew.unmatched <= limits.unmatched:
        return []
    first, second = skew.views
    return [
        f"{skew.unmatched:.0%} of the frames of {first} have none of {second} near, up to {skew.worst_s:.3f} s"
    ]


def _motionless(found: BagStatistics, idle_s: float | None, limits: Limits) -> list[str]:
    if found.motion is None:
        return [f"no usable message on {JOINT_COMMAND} or {JOINT_STATES}"]
    if idle_s is None:
        return ["the arm never moved"]
    problems = []
    if idle_s > limits.idle_s:
        problems.append(f"idle for {idle_s:.1f} s before the first motion (f2o bag trim --idle)")
    gripper = positions_of(found.bag, GRIPPER_STATES)
    if gripper is not None and np.ptp(gripper.positions, axis=0).sum() < limits.gripper_m:
        problems.append("the gripper never moved")
    return problems
