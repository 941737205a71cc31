"""metadata.yaml of a bag in rosbag2's layout, read and written so that a power cut loses neither it nor its folder."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from f2o_bags.errors import BagError
from f2o_bags.labels import METADATA_KEY, custom_labels

METADATA = "metadata.yaml"


class _NoAliases(yaml.SafeDumper):
    """Writes repeated parts out in full: YAML anchors are hard to read."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write metadata.yaml atomically: a reader sees the old file or the new one."""
    new = folder / f"{METADATA}.new"
    text = yaml.dump({METADATA_KEY: dict(metadata)}, Dumper=_NoAliases, sort_keys=False)
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / METADATA)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk: a power cut then loses no file, nor its new name."""
    number = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse it
            os.fsync(number)
    finally:
        os.close(number)


def read_metadata(folder: Path) -> dict[str, Any]:
    """The body of a bag's metadata.yaml.

    Raises:
        BagError: there is none, or it is not rosbag2's.
    """
    try:
        text = (folder / METADATA).read_text()
        body = dict(yaml.safe_load(text)[METADATA_KEY])
        return body | {"custom_data": custom_labels(text)}
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise BagError(f"{folder}: no readable metadata.yaml ({why})") from error
