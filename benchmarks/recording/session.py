"""Many episodes in a row through the whole recording graph in the simulator; every bag is examined afterwards."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import yaml
from f2o_bags.check import check
from f2o_bringup.processes import start
from f2o_nodekit.stamps import NS_PER_S
from f2o_teleop.testing import configure
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader

from benchmarks.recording.load import Meter

SOURCES = ("hid", "expert")


def run(
    episodes: int,
    source: str,
    folder: Path,
    output: Path,
    camera_hz: float,
    width: int,
    height: int,
) -> dict[str, Any]:
    """Record ``episodes`` below ``output`` with one of ``SOURCES``; what was recorded, and what the recorder used.

    Raises:
        TeleopError: no episode comes. EndedError: a node has ended.
    """
    from benchmarks.recording.session_node import demonstrate

    output.mkdir(parents=True, exist_ok=True)
    config = configure(folder, output.resolve(), camera_hz, width, height)
    arguments = {"sim": "true", "config": str(config), "bags": str(output.resolve()), "operator": "bench"}
    arguments |= {"source": "scripted", "episodes": str(episodes)} if source == "expert" else {}
    begin = time.monotonic()
    with (
        (folder / "graph.log").open("w") as log,
        start("record", arguments, lambda line: _log(log, line)) as running,
    ):
        meter = Meter(running.processes["recorder_node"].popen.pid)
        refused = 0
        if source == "hid":
            refused = demonstrate(running, folder / "hand", episodes)
        else:
            running.wait()
        used = meter.stop()
    wall_s = time.monotonic() - begin
    bags = sorted(path for path in output.glob("episode_*") if not path.name.endswith(".partial"))
    examined = [examine(path) for path in bags]
    return {"source": source, "camera_hz": camera_hz, "size": f"{width}x{height}", "wall_s": round(wall_s, 1),
            "refused_starts": refused, **used, **total(examined), "each": examined}  # fmt: skip


def _log(log: Any, line: str) -> None:
    log.write(line + "\n")
    log.flush()


def examine(path: Path) -> dict[str, Any]:
    """One bag through rosbags, through the mcap reader, and through `f2o bag check`."""
    with Reader(path) as reader:
        by_rosbags = sum(1 for _ in reader.messages())
        labels, counts = (
            reader.storage.metadata.custom or {},
            {c.topic: c.msgcount for c in reader.connections},
        )
        seconds = reader.duration / NS_PER_S
    version = yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"]["version"]
    by_mcap = 0
    for part in path.glob("*.mcap"):
        with part.open("rb") as stream:
            by_mcap += sum(1 for _ in make_reader(stream).iter_messages())
    verdict = check(path)
    images = [
        count / seconds for topic, count in counts.items() if topic.endswith("color/image_raw") and count
    ]
    return {
        "bag": path.name,
        "seconds": round(seconds, 2),
        "mb": round(sum(f.stat().st_size for f in path.iterdir()) / 1e6, 1),
        "messages": by_rosbags,
        "agree": by_rosbags == by_mcap == sum(counts.values()),
        "metadata_version": version,
        "drops": int(labels["drops"]),
        "lost": int(labels["lost"]),
        "camera_hz": round(min(images, default=0.0), 2),
        "problems": list(verdict.problems),
        "expected_hz": json.loads(labels["expected_hz"]).get("/wrist/color/image_raw"),
    }


def total(examined: list[dict[str, Any]]) -> dict[str, Any]:
    """All bags together."""
    rates = [one["camera_hz"] for one in examined]
    return {
        "episodes": len(examined),
        "readable_alike": sum(one["agree"] for one in examined),
        "good": sum(not one["problems"] for one in examined),
        "drops": sum(one["drops"] for one in examined),
        "lost": sum(one["lost"] for one in examined),
        "messages": sum(one["messages"] for one in examined),
        "gb": round(sum(one["mb"] for one in examined) / 1e3, 2),
        "slowest_camera_hz": min(rates, default=0.0),
    }
