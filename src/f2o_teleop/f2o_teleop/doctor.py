"""What of this machine stands in the way of recording (entry point group f2o.doctor).

A line is (name, level, text, remedy), as ``f2o_bringup.doctor.Finding``, which this package does not import.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from f2o_teleop.spacemouse import DeviceError, open_first

Line = tuple[str, str, str, str]
MIN_FREE_GB = 2.0  # recorder.yaml's own default
FEW_GB = 50.0
LOAD_MB_S = 140.0  # three views of 640x480, colour and depth, at 30 Hz, before they are compressed
SLOW_MB_S = 30.0
TRIED_MB, BLOCK_MB = 128, 8


def check(machine: Any) -> Iterator[Line]:
    """Lines of the disk and the SpaceMouse; ``machine`` is ``f2o_bringup.doctor.Machine``."""
    yield from disk(Path(machine.arguments.get("bags") or "."))
    yield spacemouse()


def disk(folder: Path) -> Iterator[Line]:
    """Room for bags, and how fast they can be written: a file of 128 MB is written there and removed."""
    folder = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.is_dir())
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < MIN_FREE_GB:
        yield (
            "disk",
            "fail",
            f"{free_gb:.1f} GB free in {folder}: no recording starts",
            "bags:=, on another disk",
        )
        return
    level, remedy = ("ok", "") if free_gb > FEW_GB else ("warn", "bags:=, on another disk")
    yield "disk", level, f"{free_gb:.0f} GB free in {folder}", remedy
    try:
        speed = _write_speed(folder)
    except OSError as error:
        yield (
            "disk speed",
            "fail",
            f"{folder} cannot be written: {error.strerror}",
            "bags:=, a folder of yours",
        )
        return
    text = f"{speed:.0f} MB/s; three RGB-D views at 30 Hz are {LOAD_MB_S:.0f} before they are compressed"
    level = "ok" if speed > LOAD_MB_S else "warn" if speed > SLOW_MB_S else "fail"
    yield "disk speed", level, text, "" if level == "ok" else "bags:=, on a local SSD"


def _write_speed(folder: Path) -> float:
    """In MB/s, until everything is on the disk."""
    block = os.urandom(BLOCK_MB * 1_000_000)  # a file system may compress
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".f2o-doctor-") as file:
        began_s = time.monotonic()
        for _ in range(TRIED_MB // BLOCK_MB):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return TRIED_MB / (time.monotonic() - began_s)


def spacemouse() -> Line:
    """Whether it is there and may be opened."""
    try:
        open_first().close()
    except DeviceError as error:
        text = str(error).removeprefix("SpaceMouse: ")
        if text.startswith("none plugged in"):
            return "spacemouse", "warn", text, "plug it in, for record.launch.py"
        problem, _, remedy = text.partition(": ")
        return "spacemouse", "fail", problem, remedy
    return "spacemouse", "ok", "it can be opened", ""
