"""Shared by tests and benchmarks: a configuration of the graph without cameras, and a simulated operator."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.paths import config_file


def configure(folder: Path, output: Path, camera_hz: float, width: int, height: int, **recorder: Any) -> Path:
    """A configuration folder for the graph: the installed one with other images and a pipe, ``hand``, as teleop device.

    ``recorder``: more keys of recorder.yaml.
    """
    installed = config_file("recorder.yaml").parent
    config = folder / "config"
    shutil.copytree(installed, config)
    os.mkfifo(folder / "hand")
    _change(config / "sim.yaml", {"width": width, "height": height, "camera_hz": camera_hz})
    kept = {"camera_hz": camera_hz, "output": str(output), "min_free_gb": 0.5, **recorder}
    _change(config / "recorder.yaml", kept)
    _change(config / "teleop.yaml", {"source": "hidfile", "script": str(folder / "hand")})
    return config


def _change(path: Path, values: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))
