"""Whether the udp path has its key, before anything starts (entry point group f2o.checks)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from f2o_control.errors import KeyFileError
from f2o_control.key import MAKE, is_loopback, read_key

ENDS = {"bridge_node": ("bridge.yaml", "udp.key"), "f2o_rt_receiver": ("receiver.yaml", "key")}


def mismatches(launch: Any) -> list[str]:
    """What does not fit; ``launch`` is ``f2o_bringup.checks.Launch``."""
    if launch.values.get("adapter") != "udp":
        return []
    return list(_problems(launch))


def _problems(launch: Any) -> Iterator[str]:
    """One sentence for each end of the path whose key is missing or wrong, and one for two keys that differ."""
    found: dict[str, bytes] = {}
    for node, (name, key) in ENDS.items():
        if node not in launch.nodes or not (file := launch.configuration(name)):
            continue
        path, tree = file
        section = tree.get("udp") if node == "bridge_node" else tree
        given = section.get("key") if isinstance(section, dict) else None
        if not given and not _must_have_one(launch):
            found[f"{path}: {key}"] = b""
            continue
        if not given:
            yield f"{key}: {path} names none; expected a file that {MAKE} wrote, the same on both PCs"
            continue
        try:
            found[f"{path}: {key}"] = read_key(
                Path(os.path.join(path.parent, os.path.expanduser(str(given))))
            )
        except KeyFileError as error:
            yield f"{path}: {error}"
    if len(set(found.values())) > 1:
        yield f"{' and '.join(found)}: expected the same key in both"


def _must_have_one(launch: Any) -> bool:
    """A real arm, or another PC."""
    pretends = launch.values["sim"] or str(launch.values.get("use_fake_hardware")).lower() == "true"
    address = str(launch.values.get("real_time_pc") or "127.0.0.1")
    return not pretends or not is_loopback(address)
