"""Where the configuration files are: in a folder of one's own, installed, or in the source tree."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from f2o_nodekit.config import ConfigError

try:
    from ament_index_python.packages import get_package_share_path
except ImportError:  # no ROS: everything but the nodes works without
    get_package_share_path = None

SHARES = ("f2o_bringup", "f2o_rt")
"""Packages that install configuration files: all of them, and those of a real-time PC that has nothing else."""
SOURCE_CONFIG = Path(__file__).resolve().parents[3] / "config"


def find_config(name: str, folder: str | Path = "") -> str:
    """Path of a configuration file in ``folder``, else as installed, else in the source tree; "" where there is none.

    A folder of one's own need not repeat what is the same for everybody.
    """
    folders = [Path(folder)] if folder else []
    found = (place / name for place in (*folders, *_installed(), SOURCE_CONFIG))
    return next((str(path) for path in found if path.is_file()), "")


def config_file(name: str, folder: str | Path = "") -> Path:
    """As ``find_config``.

    Raises:
        ConfigError: there is none.
    """
    if not (path := find_config(name, folder)):
        places = ", ".join(map(str, [*_installed(), SOURCE_CONFIG]))
        raise ConfigError(
            name, [f"not found, expected it in {places}; is the workspace built and env.sh sourced?"]
        )
    return Path(path)


def _installed() -> Iterator[Path]:
    for package in SHARES:
        if get_package_share_path is not None:
            try:
                yield get_package_share_path(package, print_warning=False) / "config"
                continue
            except (LookupError, OSError):  # not in this workspace; no workspace at all
                pass
        yield Path(sys.prefix) / "share" / package / "config"
