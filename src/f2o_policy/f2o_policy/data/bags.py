"""``f2o convert``: recorded episodes become a data set, through the same perception that runs on the robot.

An observation is the one that the perception node would have published (``replay``). Actions are /f2o/joint_command,
which the bridge executed. The rest before the first motion is cut, because a policy trained on it learns to wait.
What ``f2o bag check`` calls BAD is refused, by the same rules (``refusals``, ``judge``).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bags.check import Limits, check
from f2o_bags.discovery import find_bags
from f2o_bags.errors import BagsError
from f2o_bags.labels import KEPT
from f2o_bags.read import Bag, open_bag, refusals
from f2o_nodekit.errors import F2oError
from f2o_nodekit.robot import read_robot
from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.workers import results
from f2o_perception.calibration import Calibration
from f2o_perception.config import PerceptionConfig
from f2o_perception.health import MISSED
from jaxtyping import Float64, Int64
from tqdm import tqdm

from f2o_policy.data.arm import tool_positions
from f2o_policy.data.demonstration import Demonstration, in_motion
from f2o_policy.data.idle import cut
from f2o_policy.data.replay import BagReplay
from f2o_policy.data.store import DatasetWriter
from f2o_policy.errors import DatasetError, EpisodeError

SHORTEST_SPAN_NS = (
    500_000_000  # of control by one source; less is an accidental touch, and shorter than a chunk
)
CONVERSION = "conversion"  # key of an episode's meta: what of its bag was left out, to be said again


@dataclass
class Report:
    """What a conversion did."""

    converted: int = 0
    present: int = 0  # bags that the data set held before
    skipped: list[str] = field(default_factory=list)  # one sentence for each bag
    left_out: list[str] = field(
        default_factory=list
    )  # one for each span that was no episode, of bags that were taken
    dropped: Counter[str] = field(default_factory=Counter)  # by stream: messages that could not be used
    why: dict[str, str] = field(default_factory=dict)  # by stream, of the last of them


@dataclass(frozen=True)
class BagContent:
    """The demonstrations of one bag, or the reason why it has none; without any where the data set holds it already."""

    demonstrations: tuple[Demonstration, ...] = ()
    problem: str = ""
    dropped: dict[str, int] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)  # see Report
    left_out: tuple[str, ...] = ()

    def losses(self) -> dict[str, Any]:
        """What of the bag is not in its demonstrations, for the meta of one of them; empty where all is."""
        found = {"dropped": self.dropped, "why": self.why, "left_out": list(self.left_out)}
        return {CONVERSION: found} if self.dropped or self.left_out else {}


@dataclass(frozen=True)
class Present:
    """A bag that the data set holds already: what was left out of it, and the ``only`` that it was converted with."""

    content: BagContent
    only: str

    def again(self, path: Path, only: str) -> BagContent:
        """Its content where it is converted once more: nothing new, or why not."""
        if only == self.only:
            return self.content
        held = f"spans of {self.only} (--only {self.only})" if self.only else "whole"
        return BagContent(
            problem=f"{path}: the data set holds it already, {held}; convert it to another folder, else what both "
            "have in common would be learned twice"
        )


def convert(
    bags: Path,
    out: Path,
    perception: PerceptionConfig,
    processes: int = 1,
    progress: bool = True,
    longest_pause_s: float = 0.0,
    only: str = "",
    unlabelled: bool = False,
    strict: bool = False,
) -> Report:
    """Append every bag at or below ``bags`` that ``out`` does not hold yet; an unusable one is skipped and named.

    ``longest_pause_s`` > 0 shortens the pauses within an episode to that (data/idle.py). ``only`` (teleop, policy):
    keep the spans in which that source was in control, each as an episode, as DAgger wants a person's corrections.
    ``unlabelled``: take bags that nobody judged, too; a person's corrections need no judgement. ``strict``: leave out
    what ``f2o bag check`` calls poor, too.

    Raises:
        BagError: no bag there.
        EpisodeError: none is usable.
        FullDiskError: see ``DatasetWriter.add_rows``.
    """
    found, report = find_bags([bags]), Report()
    with DatasetWriter(out, tool_positions(read_robot(perception.robot))) as writer:
        present = _present(writer)
        read = partial(
            _read_or_explain,
            perception=perception,
            present=present,
            longest_pause_s=longest_pause_s,
            only=only,
            unlabelled=unlabelled,
            strict=strict,
        )
        with tqdm(total=len(found), disable=not progress, unit="bag") as bar:
            for path, result in zip(found, results(read, found, processes), strict=True):
                if problem := _add(writer, path, result, report):
                    report.skipped.append(problem)
                    bar.write(f"skipped: {problem}")
                elif result.left_out:
                    report.left_out += (lines := [f"{path}: {span}" for span in result.left_out])
                    bar.write("\n".join(f"left out: {line}" for line in lines))
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
        for number, one in enumerate(result.demonstrations):
            meta = one.meta if number else one.meta | result.losses()
            writer.add_episode(one.observations, one.command_stamps_ros_ns, one.commands, meta)
    except DatasetError as error:
        return f"{path}: {error}"
    report.dropped.update(result.dropped)
    report.why |= result.why
    if result.demonstrations:
        report.converted += 1
    else:
        report.present += 1
    return ""


def _present(writer: DatasetWriter) -> dict[str, Present]:
    """By the source of each bag that the data set holds, how it holds it."""
    present: dict[str, Present] = {}
    for meta in writer.metas:
        source, told = meta.get("source", "").partition("#")[0], meta.get(CONVERSION)
        before = present.get(source, Present(BagContent(), meta.get("control", "")))
        if told is not None:
            left_out = BagContent((), "", told["dropped"], told["why"], tuple(told["left_out"]))
            before = Present(left_out, before.only)
        present[source] = before
    return present


def read_bag(
    bag: Bag,
    perception: PerceptionConfig,
    longest_pause_s: float = 0.0,
    only: str = "",
    unlabelled: bool = False,
) -> BagContent:
    """The demonstration in a bag; with ``only``, one for each span in which that command source was in control.

    Raises:
        BagError: it is damaged.
        EpisodeError: it is unfinished, labelled a failure, not labelled (unless ``unlabelled``), lacks what training
            needs, or has no such span.
    """
    if why := refusals(bag, unlabelled or bool(only)):
        raise EpisodeError(bag.path, why[0])
    replay = BagReplay(perception)
    replay.read(bag)
    if not only:  # else each span is judged by itself
        _refuse_few(bag, replay)
    stamps, commands, sources = replay.sent(bag.path)
    labels = {key: bag.labels[key] for key in KEPT if key in bag.labels}
    if not only:
        whole = _demonstration(
            bag, replay, stamps, commands, labels | {"source": bag.source}, longest_pause_s, False
        )
        return BagContent((whole,), dropped=replay.dropped, why=replay.why)
    found, left_out = [], []
    for begin, end in spans(sources, only):
        seconds = (stamps[[begin, end - 1]] - stamps[0]) / NS_PER_S
        where = f"{only} from {seconds[0]:.2f} to {seconds[1]:.2f} s"
        if stamps[end - 1] - stamps[begin] < SHORTEST_SPAN_NS:
            left_out.append(f"{where}: shorter than {SHORTEST_SPAN_NS / NS_PER_S:g} s")
            continue
        told = labels | {"source": f"{bag.source}#{begin}", "control": only}
        sent = (stamps[begin:end], commands[begin:end])
        try:
            found.append(_demonstration(bag, replay, *sent, told, longest_pause_s, True))
        except EpisodeError as error:  # the other spans are as good as before
            left_out.append(f"{where}: {str(error).removeprefix(f'{bag.path}: ')}")
    if not found:
        legal, least_s = ", ".join(sorted(set(sources))), SHORTEST_SPAN_NS / NS_PER_S
        never = f"{only!r} was never in control for {least_s:g} s; {legal} was"
        raise EpisodeError(bag.path, "; ".join(left_out) or never)
    return BagContent(tuple(found), dropped=replay.dropped, why=replay.why, left_out=tuple(left_out))


def spans(sources: list[str], only: str) -> list[tuple[int, int]]:
    """[first, last) indices of every run of commands of ``only``."""
    mine = np.array([False, *(source == only for source in sources), False])
    begins, ends = np.flatnonzero(mine[1:] & ~mine[:-1]), np.flatnonzero(mine[:-1] & ~mine[1:])
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def judge(bag: Bag, perception: PerceptionConfig, calibration: Calibration | None) -> None:
    """Read a bag as ``read_bag`` does, whatever its labels, and without pixels.

    Raises:
        BagError, EpisodeError: why there is no demonstration in it.
    """
    replay = BagReplay(perception, calibration, pixels=False)
    replay.read(bag)
    _refuse_few(bag, replay)
    stamps, commands, _ = replay.sent(bag.path)
    _demonstration(bag, replay, stamps, commands, {}, 0.0, False)


def _refuse_few(bag: Bag, replay: BagReplay) -> None:
    """Refuse a bag of which too many frames give no observation, which the node calls an error, too."""
    perception = replay.pipeline.config
    color = perception.topics.color.replace("{view}", perception.views[0])
    made, came = len(replay.observations), bag.counts[color]
    if made < (1 - MISSED) * came:
        why = "; ".join(replay.pipeline.status().problems) or "the others were of no use"
        raise EpisodeError(bag.path, f"{made} observations of {came} frames of {perception.views[0]} ({why})")


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
    path: Path,
    perception: PerceptionConfig,
    present: Mapping[str, Present],
    longest_pause_s: float,
    only: str,
    unlabelled: bool,
    strict: bool,
) -> BagContent:
    """As ``read_bag`` for a bag that is not ``present``; an error becomes the content's ``problem``."""
    try:
        bag = open_bag(path)
        if bag.source in present:
            return present[bag.source].again(path, only)
        if strict and (poor := check(path, Limits(unlabelled=unlabelled or bool(only))).problems):
            raise EpisodeError(path, "; ".join(poor))
        return read_bag(bag, perception, longest_pause_s, only, unlabelled)
    except (BagsError, EpisodeError) as error:
        return BagContent(problem=str(error))
    except F2oError as error:
        return BagContent(problem=f"{path}: {error}")
    except Exception as error:  # one bag never ends a batch, whatever is in it
        return BagContent(problem=f"{path}: {type(error).__name__}: {error}")
