"""Where the configuration files are: installed with f2o_bringup, or in the source tree."""

from __future__ import annotations

import os
from pathlib import Path

from f2o_sim.errors import ConfigFileError

SOURCE_CONFIG = Path(__file__).resolve().parents[3] / "config"


def config_file(name: str) -> Path:
    """The file ``name`` of the top-level config folder.

    Raises:
        ConfigFileError: it is neither installed nor in the source tree.
    """
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    folders = [Path(prefix) / "share" / "f2o_bringup" / "config" for prefix in prefixes]
    for folder in (*folders, SOURCE_CONFIG):
        if (folder / name).is_file():
            return folder / name
    raise ConfigFileError(name)
