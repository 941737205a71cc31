"""What recording costs: processor, memory, delay and losses of the recorder at a given load."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from f2o_bags.read import open_bag
from f2o_bags.stamps import stamp_of

from benchmarks.recording.crash import VIEWS, recorder, recorder_config


class Meter:
    """Processor time and memory of a process, twice a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._end = threading.Event()
        self.rss_mb: list[float] = []
        self._cpu_s, self._since = self._used(), time.monotonic()
        self._last = self._cpu_s, self._since
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _used(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def _run(self) -> None:
        with suppress(psutil.Error):  # it has ended
            while not self._end.wait(0.5):
                self.rss_mb.append(self._process.memory_info().rss / 1e6)
                self._last = self._used(), time.monotonic()

    def stop(self) -> dict[str, float]:
        """Share of one core used since the beginning [%], and memory [MB]."""
        self._end.set()
        self._thread.join()
        with suppress(psutil.Error):  # it has ended: as it was last seen
            self._last = self._used(), time.monotonic()
        cpu = 100 * (self._last[0] - self._cpu_s) / max(self._last[1] - self._since, 1e-9)
        first, most = self.rss_mb[0], max(self.rss_mb)
        return {"cpu_percent": round(cpu, 1), "rss_mb_begin": round(first, 1), "rss_mb_most": round(most, 1)}


def run(
    seconds: float, folder: Path, camera_hz: float, width: int, height: int, **settings: Any
) -> dict[str, Any]:
    """Record one episode of ``seconds`` at ``camera_hz`` and examine it.

    Raises:
        TeleopError: the recorder did not start.
    """
    from benchmarks.recording.load_node import Load

    folder.mkdir(parents=True, exist_ok=True)
    load = Load(VIEWS, width, height, camera_hz)
    config = recorder_config(folder, load.camera_hz, **settings)
    try:
        with recorder(config) as process:
            load.wait("ready", subscribers=True)
            time.sleep(1.0)
            load.start()
            meter = Meter(process.pid)
            time.sleep(seconds)
            used = meter.stop()
            load.command("success")
            load.wait("saved")
        found = _contents(Path(load.state["path"]), load.sent)
        return {
            "camera_hz": round(load.camera_hz, 2),
            "size": f"{width}x{height}",
            "seconds": seconds,
            "skipped_by_the_load": load.skipped,
            **used,
            **found,
        }
    finally:
        load.close()
        shutil.rmtree(folder / "bags", ignore_errors=True)


def _contents(path: Path, sent: dict[str, Any]) -> dict[str, Any]:
    bag = open_bag(path)
    late, got, size = [], {}, 0
    for message in bag.messages():
        stamp = stamp_of(message.data) or 0
        late.append((message.log_ros_ns - stamp) / 1e6)
        got.setdefault(message.topic, []).append(stamp)
        size += len(message.data)
    missing = 0
    for topic, stamps in got.items():
        inside = [s for s in sent[topic] if stamps[0] <= s <= stamps[-1]]
        missing += len(set(inside) - set(stamps))
    span = max(s[-1] for s in got.values()) - min(s[0] for s in got.values())
    return {
        "messages": len(late),
        "mb_s": round(size / span * 1e3, 1),
        "drops": int(bag.labels["drops"]),
        "lost": int(bag.labels["lost"]),
        "missing": missing,
        "receive_ms": {f"p{p:g}": round(float(np.percentile(late, p)), 2) for p in (50, 99, 99.9, 100)},
    }
