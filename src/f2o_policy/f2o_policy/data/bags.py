"""``f2o convert``: recorded episodes become a data set, through the same perception that runs on the robot.

An observation is the one that the perception node would have published (``replay``). Actions are /f2o/joint_command,
which the bridge executed. The rest before the first motion is cut, because a policy trained on it learns to wait.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bags.errors import BagsError
from f2o_bags.labels import KEPT, is_failure
from f2o_bags.read import Bag, find_bags, open_bag, unfinished
from f2o_nodekit.errors import F2oError
from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.workers import results
from f2o_perception.config import PerceptionConfig
from jaxtyping import Float64, Int64
from tqdm import tqdm

from f2o_policy.data.demonstration import Demonstration, in_motion
from f2o_policy.data.idle import cut
from f2o_policy.data.replay import BagReplay
from f2o_policy.data.store import DatasetWriter
from f2o_policy.errors import DatasetError, EpisodeError

SHORTEST_SPAN_NS = (
    500_000_000  # of control by one source; less is an accidental touch, and shorter than a chunk
)


@dataclass
class Report:
    """What a conversion did."""

    converted: int = 0
    present: int = 0  # bags that the data set held before
    skipped: list[str] = field(default_factory=list)  # one sentence for each bag
    dropped: Counter[str] = field(default_factory=Counter)  # by stream: messages that could not be used


@dataclass(frozen=True)
class BagContent:
    """The demonstrations of one bag, or the reason why it has none; empty where the data set holds it already."""

    demonstrations: tuple[Demonstration, ...] = ()
    problem: str = ""
    dropped: dict[str, int] = field(default_factory=dict)


def convert(
    bags: Path,
    out: Path,
    perception: PerceptionConfig,
    processes: int = 1,
    progress: bool = True,
    longest_pause_s: float = 0.0,
    only: str = "",
) -> Report:
    """Append every bag at or below ``bags`` that ``out`` does not hold yet; an unusable one is skipped and named.

    ``longest_pause_s`` > 0 shortens the pauses within an episode to that (data/idle.py). ``only`` (teleop, policy):
    keep the spans in which that source was in control, each as an episode, as DAgger wants a person's corrections.

    Raises:
        BagError: no bag there.
        EpisodeError: none is usable.
        FullDiskError: see ``DatasetWriter.add_rows``.
    """
    found, report = find_bags([bags]), Report()
    with DatasetWriter(out) as writer:
        present = frozenset(source.partition("#")[0] for source in writer.sources)
        read = partial(
            _read_or_explain,
            perception=perception,
            present=present,
            longest_pause_s=longest_pause_s,
            only=only,
        )
        with tqdm(total=len(found), disable=not progress, unit="bag") as bar:
            for path, result in zip(found, results(read, found, processes), strict=True):
                if problem := _add(writer, path, result, report):
                    report.skipped.append(problem)
                    bar.write(f"skipped: {problem}")
                bar.update()
                bar.set_postfix(converted=report.converted, skipped=len(report.skipped))
    if not report.converted and not report.present:
        raise EpisodeError(
            bags, f"none of {len(found)} bags could be converted, the first because: {report.skipped[0]}"
        )
    return report


def _add(writer: DatasetWriter, path: Path, result: BagContent, report: Report) -> str:
    """Append the demonstrations of one bag; returns why it was skipped, '' if it was not."""
    if result.problem:
        return result.problem
    try:
        for one in result.demonstrations:
            writer.add_episode(one.observations, one.command_stamps_ros_ns, one.commands, one.meta)
    except DatasetError as error:
        return f"{path}: {error}"
    report.dropped.update(result.dropped)
    if result.demonstrations:
        report.converted += 1
    else:
        report.present += 1
    return ""


def read_bag(
    bag: Bag, perception: PerceptionConfig, longest_pause_s: float = 0.0, only: str = ""
) -> BagContent:
    """The demonstration in a bag; with ``only``, one for each span in which that command source was in control.

    Raises:
        BagError: it is damaged.
        EpisodeError: it is unfinished, labelled a failure, lacks what training needs, or has no such span.
    """
    replay = _replayed(bag, perception)
    stamps, commands, sources = replay.sent(bag.path)
    parts = spans(stamps, sources, only) if only else [(0, len(stamps))]
    if not parts:
        legal, least_s = ", ".join(sorted(set(sources))), SHORTEST_SPAN_NS / NS_PER_S
        raise EpisodeError(bag.path, f"{only!r} was never in control for {least_s:g} s; {legal} was")
    labels = {key: bag.labels[key] for key in KEPT if key in bag.labels}
    found = []
    for begin, end in parts:
        told = {"source": f"{bag.source}#{begin}", "control": only} if only else {"source": bag.source}
        sent = (stamps[begin:end], commands[begin:end])
        found.append(_demonstration(bag, replay, *sent, labels | told, longest_pause_s, bool(only)))
    return BagContent(tuple(found), dropped=replay.dropped)


def spans(stamps: Int64[np.ndarray, " t"], sources: list[str], only: str) -> list[tuple[int, int]]:
    """[first, last) indices of every run of commands of ``only`` that is long enough."""
    mine = np.array([False, *(source == only for source in sources), False])
    begins, ends = np.flatnonzero(mine[1:] & ~mine[:-1]), np.flatnonzero(mine[:-1] & ~mine[1:])
    runs = zip(begins.tolist(), ends.tolist(), strict=True)
    return [(b, e) for b, e in runs if stamps[e - 1] - stamps[b] >= SHORTEST_SPAN_NS]


def _replayed(bag: Bag, perception: PerceptionConfig) -> BagReplay:
    """A bag after perception."""
    if why := unfinished(bag):
        raise EpisodeError(bag.path, f"{why} (f2o bag recover)")
    if is_failure(bag.labels):
        raise EpisodeError(bag.path, "is labelled a failure")
    replay = BagReplay(perception)
    replay.read(bag)
    return replay


def _demonstration(
    bag: Bag,
    replay: BagReplay,
    stamps: Int64[np.ndarray, " t"],
    commands: Float64[np.ndarray, "t 8"],
    meta: dict[str, Any],
    longest_pause_s: float,
    within: bool,
) -> Demonstration:
    """Commands and observations without the rest at both ends; ``within``: only observations of their span."""
    span = (int(stamps[0]), int(stamps[-1])) if within else None
    kept = in_motion(replay.observations, stamps, commands, span)
    if len(kept) < 2:
        problems = "; ".join(replay.pipeline.status().problems) or "no motion that the cameras saw"
        seen = f"{len(replay.observations)} observations, {len(kept)} while commands changed"
        raise EpisodeError(bag.path, f"{seen} ({problems})")
    if any(after.stamp_ros_ns <= before.stamp_ros_ns for before, after in itertools.pairwise(kept)):
        raise EpisodeError(bag.path, "the clock was set back: stamps of observations do not increase")
    if longest_pause_s > 0:
        kept, stamps, commands, lost = cut(kept, stamps, commands, round(longest_pause_s * NS_PER_S))
        meta |= {"longest_pause_s": longest_pause_s, "cut_s": round(lost / NS_PER_S, 3)}
    return Demonstration(kept, stamps, commands, meta)


def _read_or_explain(
    path: Path, perception: PerceptionConfig, present: Collection[str], longest_pause_s: float, only: str
) -> BagContent:
    """As ``read_bag`` for a bag that is not ``present``; an error becomes the content's ``problem``."""
    try:
        bag = open_bag(path)
        return BagContent() if bag.source in present else read_bag(bag, perception, longest_pause_s, only)
    except (BagsError, EpisodeError) as error:
        return BagContent(problem=str(error))
    except F2oError as error:
        return BagContent(problem=f"{path}: {error}")
