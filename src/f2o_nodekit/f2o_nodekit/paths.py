"""Where the installed configuration files are."""

from __future__ import annotations

import os

SHARES = ("f2o_bringup", "f2o_rt")
"""Packages that install configuration files: all of them, and those of a real-time PC that has nothing else."""


def find_config(name: str, folder: str = "") -> str:
    """Path of a file in ``folder``, else as installed; "" where there is none.

    A folder of one's own need not repeat what is the same for everybody.
    """
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    installed = [f"{prefix}/share/{share}/config" for share in SHARES for prefix in prefixes]
    folders = [folder, *installed] if folder else installed
    return next((f"{f}/{name}" for f in folders if os.path.isfile(f"{f}/{name}")), "")
