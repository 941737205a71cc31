"""What ``f2o convert`` takes: time beside the disk's and the decoder's, and memory by the number of episodes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from f2o_bags.discovery import find_bags
from f2o_teleop.errors import TeleopError
from rosbags.highlevel import AnyReader

EPISODES = (5, 20, 80)  # converted in one call; where there are fewer bags, each comes several times
DECODED = 5  # bags that disk and decoder read


def run(bags: Path, folder: Path, counts: tuple[int, ...] = EPISODES) -> dict[str, Any]:
    """Convert sets of episodes made of ``bags`` with one process and with two, below ``folder``.

    Raises:
        BagError: no bag there. TeleopError: a conversion failed.
    """
    found = find_bags([bags])
    some = found[:DECODED]
    disk_s, read = _seconds(lambda: _read(some)), decoded(some)
    stored = sum(_stored(bag) for bag in some)
    runs = [_convert(found, count, folder, 1) for count in counts]
    runs.append(_convert(found, counts[-1], folder, 2))
    mb = read["mb"] / len(some)  # of messages per episode
    return {
        "bags": len(found),
        "mb_stored_an_episode": round(stored / 1e6 / len(some), 1),
        "mb_of_messages_an_episode": round(mb, 1),
        "disk_mb_s": round(stored / 1e6 / disk_s, 1),
        "disk_episodes_a_minute": round(60 * len(some) / disk_s, 1),
        "decoder_mb_s": round(read["mb"] / read["s"], 1),
        "decoder_episodes_a_minute": round(60 * len(some) / read["s"], 1),
        "runs": [{**one, "mb_s": round(mb * one["episodes_a_minute"] / 60, 1)} for one in runs],
    }


def _stored(bag: Path) -> int:
    return sum(file.stat().st_size for file in bag.iterdir())


def _seconds(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def _read(bags: list[Path]) -> None:
    """Every byte, from the disk and not from the kernel's memory."""
    for bag in bags:
        for file in bag.iterdir():
            with file.open("rb", buffering=0) as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                while stream.read(1 << 22):
                    pass


def decoded(bags: list[Path]) -> dict[str, float]:
    """Every message decompressed and deserialised by rosbags, as conversion does; bytes of messages, and time."""
    size, begin = 0, time.monotonic()
    for bag in bags:
        with AnyReader([bag]) as reader:
            for connection, _, raw in reader.messages():
                reader.deserialize(raw, connection.msgtype)
                size += len(raw)
    return {"mb": size / 1e6, "s": time.monotonic() - begin}


def _convert(found: list[Path], count: int, folder: Path, processes: int) -> dict[str, Any]:
    """``f2o convert`` of ``count`` episodes: links of other names are other episodes to it."""
    name = f"{count}_{processes}"
    source = folder / f"bags_{name}"
    source.mkdir()
    for number in range(count):
        (source / f"episode_{number:04d}").symlink_to(found[number % len(found)].resolve())
    words = ["convert", source, "--out", folder / f"data_{name}", "--processes", processes]
    command = [sys.executable, "-m", "f2o_bringup.cli", *map(str, words)]
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        peak = _peak_mb(process)
    if process.returncode:
        raise TeleopError(f"{' '.join(command)} ended with status {process.returncode}")
    wall_s = time.monotonic() - begin
    rate = round(60 * count / wall_s, 1)
    return {"episodes": count, "processes": processes, "wall_s": round(wall_s, 1), "episodes_a_minute": rate,
            "peak_mb": round(peak, 1)}  # fmt: skip


def _peak_mb(process: subprocess.Popen[bytes]) -> float:
    """Until it ends: the most that it and its children held, without what several of them share."""
    peak, watched = 0.0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(one.memory_full_info().uss for one in family) / 1e6)
        except psutil.Error:  # one has just ended
            pass
        time.sleep(0.1)
    return peak
