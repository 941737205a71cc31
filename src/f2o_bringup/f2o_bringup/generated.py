"""Configuration files that a launch makes from others, where ROS keeps its own."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from f2o_nodekit.config import ConfigError


def write_generated(name: str, text: str) -> str:
    """Path of a file with ``text``, named by ``name`` and its contents, so that no launch changes another's.

    Raises:
        ConfigError: it cannot be written.
    """
    stem, _, suffix = name.rpartition(".")
    mark = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser() / "f2o" / f"{stem}_{mark}.{suffix}"
    if not path.is_file():
        new = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text)
            new.replace(path)
        except OSError as error:
            raise ConfigError(str(path), [f"cannot be written ({error.strerror}); set ROS_HOME"]) from error
    return str(path)
