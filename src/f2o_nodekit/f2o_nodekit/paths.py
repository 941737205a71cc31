"""Where packages are installed, and where the configuration files are."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from f2o_nodekit.config import ConfigError

try:
    from ament_index_python.packages import get_package_prefix
except ImportError:  # no ROS: everything but the nodes works without
    get_package_prefix = None

SHARES = ("f2o_bringup", "f2o_rt")
"""Packages that install configuration files: all of them, and those of a real-time PC that has nothing else."""
SOURCE_CONFIG = Path(__file__).resolve().parents[3] / "config"


def package_prefix(package: str) -> Path:
    """The prefix that a package of the workspace is installed in; Python's own where ROS does not know it."""
    if get_package_prefix is not None:
        with contextlib.suppress(LookupError, OSError):  # not in this workspace; no workspace at all
            return Path(get_package_prefix(package))
    return Path(sys.prefix)


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
    return (package_prefix(package) / "share" / package / "config" for package in SHARES)
