"""``f2o convert``: recorded episodes become a data set, through the same perception that runs on the robot.

A bag is read without ROS (rosbags); its camera and joint messages go through ``ObservationPipeline`` in the order of
recording, so an observation here is the one the perception node would have published. Actions are
/f2o/joint_command: what the bridge really sent. Standing still before the first motion is cut, because a policy
that has seen it learns to wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from f2o_nodekit.errors import F2oError
from f2o_nodekit.stamps import to_ns
from f2o_nodekit.workers import workers
from f2o_perception.config import PerceptionConfig
from f2o_perception.convert import frame_from_msgs, gripper_from_msg, joints_from_msg
from f2o_perception.frames import Observation
from f2o_perception.pairing import CameraInput
from f2o_perception.pipeline import ObservationPipeline
from jaxtyping import Float64, Int64
from tqdm import tqdm

from f2o_policy.data.idle import cut, moving
from f2o_policy.data.store import DatasetWriter
from f2o_policy.errors import BagError

COMMAND_TOPIC = "/f2o/joint_command"
GRIPPER = "gripper_width"
LEAD_IN_NS, LEAD_OUT_NS = 100_000_000, 500_000_000  # kept of the stillness before and after the motion
SHORTEST_SPAN_NS = 500_000_000  # of control by one source: less is a knock, and less than a chunk
KEPT_LABELS = ("success", "seed", "side", "strategy", "task", "operator")


@dataclass(frozen=True)
class Demonstration:
    """One episode: what was seen, and what was sent (stamps (T,) ROS ns, commands (T,8): joints [rad], width [m])."""

    observations: list[Observation]
    command_stamps_ros_ns: Int64[np.ndarray, " t"]
    commands: Float64[np.ndarray, "t 8"]
    meta: dict[str, Any]


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
        with tqdm(total=len(todo), disable=not progress, unit="bag") as bar:
            for result in _read_all(todo, perception, processes, longest_pause_s, only):
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
        raise BagError(path, f"{only!r} was never in control for {SHORTEST_SPAN_NS / 1e9:g} s; {legal} was")
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


def _replayed(path: Path, perception: PerceptionConfig) -> tuple[_Replay, dict[str, Any]]:
    """A bag that went through perception, and its labels."""
    meta = _labels(path)
    if str(meta.get("success", "")).lower() == "false":
        raise BagError(path, "is labelled a failure")
    replay = _Replay(perception)
    for topic, message in _messages(path, replay.topics):
        replay.push(topic, message)
    if not replay.stamps:
        raise BagError(path, f"no message on {COMMAND_TOPIC}; record through the bridge")
    return replay, meta


def _demonstration(
    path: Path,
    replay: _Replay,
    stamps: Int64[np.ndarray, " t"],
    commands: Float64[np.ndarray, "t 8"],
    meta: dict[str, Any],
    longest_pause_s: float,
    within: tuple[int, int] | None = None,
) -> Demonstration:
    """The commands and what was seen meanwhile, without the stillness at both ends; ``within`` a span of control."""
    first, last = motion(stamps, commands)
    first, last = first - LEAD_IN_NS, last + LEAD_OUT_NS
    if within is not None:
        first, last = max(first, within[0]), min(last, within[1])
    kept = [o for o in replay.observations if first <= o.stamp_ros_ns <= last]
    if len(kept) < 2:
        problems = "; ".join(replay.pipeline.status().problems) or "no motion that the cameras saw"
        raise BagError(
            path, f"{len(replay.observations)} observations, {len(kept)} while commands changed ({problems})"
        )
    if longest_pause_s > 0:
        kept, stamps, commands, lost = cut(kept, stamps, commands, round(longest_pause_s * 1e9))
        meta |= {"longest_pause_s": longest_pause_s, "cut_s": round(lost / 1e9, 3)}
    return Demonstration(kept, stamps, commands, meta)


def motion(stamps: Int64[np.ndarray, " t"], commands: Float64[np.ndarray, "t 8"]) -> tuple[int, int]:
    """Stamps of the first and of the last change of the commands; the whole span if there is none."""
    changed = np.flatnonzero(moving(commands))
    if not len(changed):
        return int(stamps[0]), int(stamps[-1])
    return int(stamps[changed[0]]), int(stamps[changed[-1] + 1])


class _Replay:
    """Pushes the messages of a bag through perception and collects the commands."""

    def __init__(self, config: PerceptionConfig) -> None:
        self.config, self.pipeline = config, ObservationPipeline(config)
        self.observations: list[Observation] = []
        self.stamps: list[int] = []
        self._sources: list[str] = []
        self._commands: list[tuple[tuple[str, ...], np.ndarray]] = []
        topics = config.topics
        self.topics = {
            topics.joint_states: self._joints,
            topics.gripper_joint_states: self._gripper,
            COMMAND_TOPIC: self._command,
        }
        for view in config.views:
            camera = CameraInput(partial(self._images, view))
            for stream in CameraInput.STREAMS:
                name = getattr(topics, stream).replace("{view}", view)
                self.topics[name] = partial(camera.push, stream)

    def push(self, topic: str, message: Any) -> None:
        self.topics[topic](message)

    def sent(self, path: Path) -> tuple[Int64[np.ndarray, " t"], Float64[np.ndarray, "t 8"], list[str]]:
        """Commands in the order of the policy's actions, and whose they were; stamps must increase, others go."""
        wanted = (*self.config.joint_names, GRIPPER)
        rows = []
        for names, values in self._commands:
            if set(names) != set(wanted) or not np.isfinite(values).all():
                raise BagError(
                    path, f"{COMMAND_TOPIC}: expected finite {', '.join(wanted)}, got {', '.join(names)}"
                )
            rows.append(values[[names.index(name) for name in wanted]])
        stamps = np.array(self.stamps, np.int64)
        newer = np.concatenate([[True], stamps[1:] > np.maximum.accumulate(stamps)[:-1]])
        sources = [source for source, kept in zip(self._sources, newer, strict=True) if kept]
        return stamps[newer], np.array(rows, np.float64)[newer], sources

    def _keep(self, observation: Observation | None) -> None:
        if observation is not None:
            self.observations.append(observation)

    def _images(self, view: str, color: Any, depth: Any, camera_info: Any) -> None:
        self._keep(self.pipeline.push_frame(frame_from_msgs(view, color, depth, camera_info)))

    def _joints(self, message: Any) -> None:
        self._keep(self.pipeline.push_joints(joints_from_msg(message, self.config.joint_names)))

    def _gripper(self, message: Any) -> None:
        self._keep(self.pipeline.push_gripper(gripper_from_msg(message, self.config.finger_joint_names)))

    def _command(self, message: Any) -> None:
        self.stamps.append(to_ns(message.header.stamp))
        self._sources.append(str(message.header.frame_id))
        self._commands.append((tuple(message.name), np.array(message.position, np.float64)))


def _messages(path: Path, topics: Any) -> Iterator[tuple[str, Any]]:
    """Messages of ``topics`` in the order of recording."""
    from rosbags.highlevel import AnyReader

    try:
        with AnyReader([path]) as reader:
            missing = sorted(set(topics) - {c.topic for c in reader.connections if c.msgcount})
            if missing:
                raise BagError(path, f"no message on {', '.join(missing)}")
            connections = [c for c in reader.connections if c.topic in topics]
            for connection, _, raw in reader.messages(connections):
                yield connection.topic, reader.deserialize(raw, connection.msgtype)
    except BagError:
        raise
    except (
        Exception
    ) as error:  # around rosbags alone: its parsers raise whatever the damage makes of the bytes
        raise BagError(path, f"cannot be read ({error or type(error).__name__})") from error


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


def _read_all(
    bags: list[Path], perception: PerceptionConfig, processes: int, longest_pause_s: float, only: str
) -> Iterator[list[Demonstration] | str]:
    """Results in the order of ``bags``, whatever the number of processes."""
    read = partial(_try, perception=perception, longest_pause_s=longest_pause_s, only=only)
    if processes == 1:
        yield from map(read, bags)
        return
    with workers(processes) as pool:
        yield from pool.imap(read, bags)
