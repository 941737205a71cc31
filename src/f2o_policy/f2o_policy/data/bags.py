"""``f2o convert``: recorded episodes become a data set, through the same perception that runs on the robot.

An observation here is the one the perception node would have published (``replay``). Actions are
/f2o/joint_command: what the bridge really sent. Standing still before the first motion is cut, because a policy
that has seen it learns to wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from f2o_nodekit.errors import F2oError
from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.workers import results
from f2o_perception.config import PerceptionConfig
from jaxtyping import Float64, Int64
from tqdm import tqdm

from f2o_policy.data.demonstration import Demonstration, in_motion
from f2o_policy.data.idle import cut
from f2o_policy.data.replay import COMMAND_TOPIC, BagReplay, messages
from f2o_policy.data.store import DatasetWriter
from f2o_policy.errors import BagError

SHORTEST_SPAN_NS = 500_000_000  # of control by one source: less is a knock, and less than a chunk
KEPT_LABELS = ("success", "seed", "side", "strategy", "task", "operator")


@dataclass
class Report:
    """What a conversion did; ``skipped`` holds one sentence a bag."""

    converted: int = 0
    present: int = 0
    skipped: list[str] = field(default_factory=list)


def convert(
    bags: Path,
    out: Path,
    perception: PerceptionConfig,
    processes: int = 1,
    progress: bool = True,
    longest_pause_s: float = 0.0,
    only: str = "",
) -> Report:
    """Append every bag below ``bags`` that ``out`` does not hold yet; a bad one is skipped and named.

    ``longest_pause_s`` > 0 shortens the pauses within an episode to that (data/idle.py). ``only`` (teleop, policy):
    keep the spans in which that source was in control, each as an episode, as DAgger wants a person's corrections.

    Raises:
        BagError: no bag there, or no good one. DatasetError: ``out`` holds data of another layout.
    """
    found = find_bags(bags)
    if not found:
        raise BagError(bags, "no recorded episode here (a folder with metadata.yaml)")
    report = Report()
    with DatasetWriter(out) as writer:
        present = {source.partition("#")[0] for source in writer.sources}
        todo = [bag for bag in found if source_of(bag) not in present]
        report.present = len(found) - len(todo)
        read = partial(_try, perception=perception, longest_pause_s=longest_pause_s, only=only)
        with tqdm(total=len(todo), disable=not progress, unit="bag") as bar:
            for result in results(read, todo, processes):
                if isinstance(result, str):
                    report.skipped.append(result)
                    bar.write(f"skipped: {result}")
                else:
                    for one in result:
                        writer.add_episode(
                            one.observations, one.command_stamps_ros_ns, one.commands, one.meta
                        )
                    report.converted += 1
                bar.update()
                bar.set_postfix(converted=report.converted, skipped=len(report.skipped))
    if not report.converted and not report.present:
        raise BagError(
            bags, f"none of {len(found)} bags could be converted, the first because: {report.skipped[0]}"
        )
    return report


def find_bags(folder: Path) -> list[Path]:
    """Folders with a metadata.yaml, in order of their names; ``folder`` may be one itself.

    What is called ``.partial`` was never kept by whoever recorded it; named itself, it is taken.
    """
    if (folder / "metadata.yaml").is_file():
        return [folder]
    found = (file.parent for file in folder.glob("*/metadata.yaml"))
    return sorted(bag for bag in found if bag.suffix != ".partial")


def read_bag(path: Path, perception: PerceptionConfig, longest_pause_s: float = 0.0) -> Demonstration:
    """One bag as a demonstration.

    Raises:
        BagError: it cannot be read, is labelled a failure, or lacks what training needs.
    """
    replay, meta = _replayed(path, perception)
    stamps, commands, _ = replay.sent(path)
    return _demonstration(path, replay, stamps, commands, meta | {"source": source_of(path)}, longest_pause_s)


def read_spans(
    path: Path, perception: PerceptionConfig, only: str, longest_pause_s: float = 0.0
) -> list[Demonstration]:
    """The spans of a bag in which ``only`` was in control, each as a demonstration.

    Who was in control says every command (its frame_id), as the bridge sent it.

    Raises:
        BagError: as ``read_bag``, or there is no such span.
    """
    replay, meta = _replayed(path, perception)
    stamps, commands, sources = replay.sent(path)
    found = spans(stamps, sources, only)
    if not found:
        legal = ", ".join(sorted(set(sources)))
        least_s = SHORTEST_SPAN_NS / NS_PER_S
        raise BagError(path, f"{only!r} was never in control for {least_s:g} s; {legal} was")
    return [
        _demonstration(
            path,
            replay,
            stamps[begin:end],
            commands[begin:end],
            meta | {"source": f"{source_of(path)}#{begin}", "control": only},
            longest_pause_s,
            (int(stamps[begin]), int(stamps[end - 1])),
        )
        for begin, end in found
    ]


def spans(stamps: Int64[np.ndarray, " t"], sources: list[str], only: str) -> list[tuple[int, int]]:
    """(first, behind the last) index of every run of commands of ``only`` that is long enough."""
    mine = np.array([False, *(source == only for source in sources), False])
    begins, ends = np.flatnonzero(mine[1:] & ~mine[:-1]), np.flatnonzero(mine[:-1] & ~mine[1:])
    runs = zip(begins.tolist(), ends.tolist(), strict=True)
    return [(b, e) for b, e in runs if stamps[e - 1] - stamps[b] >= SHORTEST_SPAN_NS]


def _replayed(path: Path, perception: PerceptionConfig) -> tuple[BagReplay, dict[str, Any]]:
    """A bag that went through perception, and its labels."""
    meta = _labels(path)
    if str(meta.get("success", "")).lower() == "false":
        raise BagError(path, "is labelled a failure")
    replay = BagReplay(perception)
    for topic, message in messages(path, replay.topics):
        replay.push(topic, message)
    if not replay.stamps:
        raise BagError(path, f"no message on {COMMAND_TOPIC}; record through the bridge")
    return replay, meta


def _demonstration(
    path: Path,
    replay: BagReplay,
    stamps: Int64[np.ndarray, " t"],
    commands: Float64[np.ndarray, "t 8"],
    meta: dict[str, Any],
    longest_pause_s: float,
    within: tuple[int, int] | None = None,
) -> Demonstration:
    """The commands and what was seen meanwhile, without the stillness at both ends; ``within`` a span of control."""
    kept = in_motion(replay.observations, stamps, commands, within)
    if len(kept) < 2:
        problems = "; ".join(replay.pipeline.status().problems) or "no motion that the cameras saw"
        raise BagError(
            path, f"{len(replay.observations)} observations, {len(kept)} while commands changed ({problems})"
        )
    if longest_pause_s > 0:
        kept, stamps, commands, lost = cut(kept, stamps, commands, round(longest_pause_s * NS_PER_S))
        meta |= {"longest_pause_s": longest_pause_s, "cut_s": round(lost / NS_PER_S, 3)}
    return Demonstration(kept, stamps, commands, meta)


def source_of(path: Path) -> str:
    """Name and starting time of a bag: two recordings of one name are two episodes; '' if it cannot be read."""
    try:
        return f"{path.name}@{_information(path)['starting_time']['nanoseconds_since_epoch']}"
    except (BagError, KeyError, TypeError):
        return ""


def _labels(path: Path) -> dict[str, Any]:
    """What the recorder wrote about the episode (custom_data of metadata.yaml)."""
    custom = _information(path).get("custom_data") or {}
    return {key: custom[key] for key in KEPT_LABELS if key in custom}


def _information(path: Path) -> dict[str, Any]:
    try:
        return dict(yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise BagError(path, "metadata.yaml cannot be read") from error


def _try(
    path: Path, perception: PerceptionConfig, longest_pause_s: float, only: str
) -> list[Demonstration] | str:
    """The demonstrations, or the sentence why there are none."""
    try:
        if only:
            return read_spans(path, perception, only, longest_pause_s)
        return [read_bag(path, perception, longest_pause_s)]
    except BagError as error:
        return str(error)
    except F2oError as error:
        return str(BagError(path, str(error)))
