"""What a SIGKILL of the recorder costs: killed at random moments under load, again and again.

For every topic the stamps of what was sent are compared with those in the file. What is lost is counted from the
first message after the topic's last one in the file to the moment of the kill, the longest of all topics; a message
missing before that is one that never arrived, and is counted apart. The same is counted of what the recorder had
received (``ledger``): that is what the recorder itself answers for; the rest had not come through DDS to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from f2o_bags.edit import recover
from f2o_bags.labels import LABELS_TOPIC
from f2o_bags.read import open_bag
from f2o_bags.stamps import stamp_of
from f2o_bags.writer import PARTIAL
from rosbags.rosbag2 import Reader
from tqdm import tqdm

from benchmarks.common.processes import command, environment
from benchmarks.recording.ledger import LEDGER, Ledger

VIEWS = ("wrist", "external_1", "external_2")


@dataclass(frozen=True)
class Kill:
    """One kill."""

    after_s: float  # of recording
    readable: bool  # the file opens and holds what was sent long before
    messages: int
    lost_ms: float  # between the last thing kept and the kill, on the worst topic
    lost_received_ms: float  # the same of what the recorder had received
    missing: int  # messages that never reached the file although later ones of their topic did
    recovered: bool  # `f2o bag recover` made a bag of it that rosbags opens, message by message the same
    index: int


def recorder_config(folder: Path, camera_hz: float, views: tuple[str, ...] = VIEWS, **more: Any) -> Path:
    """A recorder.yaml for the load, in ``folder``."""
    config = {
        "output": str(folder / "bags"),
        "cameras": list(views),
        "camera_hz": camera_hz,
        "min_free_gb": 0.2,
        "task": "bench",
        "preflight": False,  # what a busy machine gives is what is measured
        "topics": {
            "/franka/joint_states": {"type": "sensor_msgs/msg/JointState", "hz": 125.0},
            "/franka_gripper/joint_states": {"type": "sensor_msgs/msg/JointState", "hz": 15.0},
        },
        **more,
    }
    path = folder / "recorder.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextlib.contextmanager
def recorder(config: Path, ledger: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A recorder_node in a process of its own, killed at the end if it still runs; ``ledger``: it notes there what it
    received (``watched_node``).
    """
    module = "f2o_teleop.recorder_node" if ledger is None else "benchmarks.recording.watched_node"
    words = command(module, "--ros-args", "-p", f"config:={config}")
    env = environment() if ledger is None else environment() | {LEDGER: str(ledger)}
    with config.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill_once(load: Any, config: Path, after_s: float) -> Kill:
    """Record under ``load`` (load_node), kill after ``after_s``, and examine the file."""
    load.paused.clear()
    load.state = {}
    ledger = Ledger(config.with_suffix(".ledger"), create=True)
    with recorder(config, ledger.path) as process:
        load.wait("ready", subscribers=True)
        time.sleep(0.5)  # rates are known
        load.start()
        time.sleep(after_s)
        killed_ns = load.now_ns()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    load.paused.set()
    load.recorder_killed()
    topics = sorted(load.sent)
    return examine(Path(load.state["path"]), load.sent, ledger.stamps(topics), killed_ns, after_s)


def examine(
    partial: Path, sent: dict[str, Any], received: dict[str, Any], killed_ns: int, after_s: float
) -> Kill:
    """Compare a file with the stamps of what was sent and received, by topic; recover it."""
    got: dict[str, list[int]] = {}
    content = []
    for message in open_bag(partial).messages():
        content.append((message.topic, message.log_ros_ns, len(message.data)))
        got.setdefault(message.topic, []).append(stamp_of(message.data) or 0)
    lost, missing = _lost(sent, got, killed_ns)
    name = partial.name.removesuffix(PARTIAL)
    return Kill(
        after_s,
        bool(content),
        len(content),
        lost,
        _lost(received, got, killed_ns)[0],
        missing,
        _recovers(partial, content),
        int(name.split("_")[1]),
    )


def _lost(there: dict[str, Any], got: dict[str, list[int]], killed_ns: int) -> tuple[float, int]:
    """What of ``there`` is lost behind the cut [ms], and how many messages are missing before it."""
    lost, missing = 0.0, 0
    first = min((min(stamps) for stamps in got.values()), default=killed_ns)
    for topic, stamps in there.items():
        here = np.array([s for s in stamps if first <= s < killed_ns], np.int64)
        kept = np.isin(here, got.get(topic, []))
        last = np.flatnonzero(kept)[-1] if kept.any() else -1
        begin = int(np.flatnonzero(kept)[0]) if kept.any() else 0
        missing += int((~kept[begin : last + 1]).sum())
        if last + 1 < len(here):
            lost = max(lost, (killed_ns - int(here[last + 1])) / 1e6)
    return lost, missing


def _recovers(partial: Path, content: list[tuple[str, int, int]]) -> bool:
    folder = recover(partial, progress=False).folder
    try:
        with Reader(folder) as reader:
            again = [(c.topic, t, len(raw)) for c, t, raw in reader.messages()]
    finally:
        shutil.rmtree(folder)
    # Labels are written once more: they say that it was recovered.
    again, before = ([m for m in some if m[0] != LABELS_TOPIC] for some in (again, content))
    return sorted(again) == sorted(before)


def run(
    kills: int,
    folder: Path,
    camera_hz: float,
    width: int,
    height: int,
    seed: int = 0,
    journal: Path | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Kill ``kills`` recorders; the numbers of each and of all. With a ``journal`` the same call goes on where it was.

    ``settings`` are the recorder's.

    Raises:
        TeleopError: a recorder did not start.
    """
    from benchmarks.recording.load_node import Load

    folder.mkdir(parents=True, exist_ok=True)
    lines = journal.read_text().splitlines() if journal is not None and journal.is_file() else []
    before = [Kill(**json.loads(line)) for line in lines]
    load = Load(VIEWS, width, height, camera_hz)
    config = recorder_config(folder, load.camera_hz, **settings)
    done: list[Kill] = []
    try:
        for number in tqdm(range(len(before), kills), desc="kills", unit="kill"):
            done.append(kill_once(load, config, random.Random(f"{seed} {number}").uniform(0.1, 1.5)))
            shutil.rmtree(Path(load.state["path"]))
            (
                folder / "bags" / f"episode_{done[-1].index:04d}{PARTIAL}"
            ).mkdir()  # numbering goes on behind it
            if journal is not None:
                with journal.open("a") as lines:
                    lines.write(json.dumps(asdict(done[-1])) + "\n")
    finally:
        load.close()
        shutil.rmtree(folder / "bags", ignore_errors=True)
    mb_s = len(VIEWS) * load.camera_hz * width * height * 5 / 1e6
    described = (
        f"{len(VIEWS)} RGB-D views {width}x{height} at {load.camera_hz:.1f} Hz and joints, {mb_s:.0f} MB/s"
    )
    numbered = [kill.index for kill in done] == list(range(len(done)))
    return {"load": described, "numbering_goes_on": numbered, **summary([*before, *done])}


def summary(done: list[Kill]) -> dict[str, Any]:
    """What all kills together say."""
    lost = {
        name: np.array([getattr(kill, name) for kill in done]) for name in ("lost_ms", "lost_received_ms")
    }
    return {
        "kills": len(done),
        "readable": sum(kill.readable for kill in done),
        "recovered": sum(kill.recovered for kill in done),
        "missing_before_the_cut": sum(kill.missing for kill in done),
        **{
            name: {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 90, 100)}
            | {"over_33": int((values > 33.0).sum())}
            for name, values in lost.items()
        },
        "each": [asdict(kill) for kill in done],
    }
