"""``python -m benchmarks.recording.power_cut``: what a power cut loses of a recording, simulated.

The recorder's writer and spool record 125 Hz messages and images. At a random moment the file is copied up to the size
that it had at its last fsync, which is all that a disk has to keep, and the copy is recovered.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from pathlib import Path

from f2o_bags.definitions import known_definition
from f2o_bags.edit import recover
from f2o_bags.spool import Spool
from f2o_bags.writer import BagMessage, BagTopic, BagWriter

CUTS, IMAGE_BYTES, HZ = 20, 640 * 480 * 3, 125
TOPICS = {
    "/joints": BagTopic(known_definition("sensor_msgs/msg/JointState")),
    "/image": BagTopic(known_definition("sensor_msgs/msg/Image")),
}


class Disk(BagWriter):
    """A writer that knows how much of its file is synced."""

    synced = 0

    def sync(self) -> None:
        """As the writer's; what had been flushed before it is on the disk after it."""
        size = os.fstat(self._file.fileno()).st_size
        super().sync()
        self.synced = size


def lost_s(folder: Path, seed: int) -> float:
    """Record for 1 to 2 s, cut the power; seconds of recording that are lost."""
    writer = Disk(folder, "cut", TOPICS, {}, "lz4")
    spool = Spool(writer, 256_000_000)
    end = time.monotonic() + random.Random(seed).uniform(1.0, 2.0)
    image, now, tick = os.urandom(IMAGE_BYTES), 0, 0
    while time.monotonic() < end:
        now = time.time_ns()
        spool.put(BagMessage("/joints", bytes(200), now, now))
        if tick % 4 == 0:
            spool.put(BagMessage("/image", image, now, now))
        tick += 1
        time.sleep(1 / HZ)
    kept = writer.synced
    data = (writer.folder / "cut_0.mcap").read_bytes()[:kept]
    spool.close({})
    copy = folder / "after" / "cut.partial"
    copy.mkdir(parents=True)
    (copy / "cut_0.mcap").write_bytes(data)
    return (now - recover(copy, progress=False).end_ros_ns) / 1e9


def main() -> None:
    """Print the figures."""
    lost = []
    for seed in range(CUTS):
        with tempfile.TemporaryDirectory() as folder:
            lost.append(lost_s(Path(folder), seed))
    print(json.dumps({"cuts": CUTS, "median_s": sorted(lost)[CUTS // 2], "worst_s": max(lost)}))


if __name__ == "__main__":
    main()
