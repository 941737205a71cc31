"""Which files and folders are recordings: the one discovery, for every verb, the conversion and the reports."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from f2o_bags.errors import BagError
from f2o_bags.metadata import METADATA, read_metadata
from f2o_bags.storage import COMPRESSED
from f2o_bags.writer import COPYING, PARTIAL

STORAGES = (".mcap", ".db3")
FOREIGN = {".bag": "a recording of ROS 1, which is not read; rosbags-convert makes an MCAP file of it"}
PART = re.compile(r"(.*?)(?:_(\d+))?")  # name and number of a file of a split recording


def find_bags(paths: Collection[Path]) -> list[Path]:
    """Every recording at or below ``paths``, finished or not: folders with a metadata.yaml, and files of recordings.

    Files that are named after their folder, as rosbag2 names them, or that its metadata.yaml names, are one recording;
    otherwise each is one. Of several paths, one that holds none is in the list, too: opening it says so.

    Raises:
        BagError: the only path holds none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        here = [path] if path.is_file() and storage_of(path) else _below(path) if path.is_dir() else []
        if not here and len(paths) == 1:
            why = "" if path.exists() else " (no such file or folder)"
            raise BagError(f"{path}: no recorded episode here{why}")
        found |= dict.fromkeys(here or [path])
    return list(found)


def bag_metadata(path: Path) -> dict[str, Any]:
    """The body of metadata.yaml; empty where there is none, or none that can be read: the files say the rest.

    Raises:
        BagError: it cannot be read, and there are no files either.
    """
    try:
        return read_metadata(path) if (path / METADATA).is_file() else {}
    except BagError:
        if not _recordings(path):
            raise
        return {}


def _below(folder: Path, above: frozenset[Path] = frozenset()) -> list[Path]:
    """Recordings in a folder; the folder itself where it is one, and what else lies in it."""
    if (real := folder.resolve()) in above:  # a link that leads back
        return []
    try:
        files, folders = _recordings(folder), sorted(f for f in folder.iterdir() if f.is_dir())
        metadata = bag_metadata(folder)
    except (BagError, OSError):
        return [folder]  # opening it says why
    own = _own(folder, files, metadata)
    loose = [file for file in files if file not in own]
    deeper = [bag for f in folders if f.name[0] != "." for bag in _below(f, above | {real})]
    if not metadata and not deeper and _is_one(files):
        return [folder]
    return [*([folder] if own or metadata else []), *sorted([*loose, *deeper])]


def _recordings(folder: Path) -> list[Path]:
    return sorted((f for f in folder.iterdir() if f.is_file() and storage_of(f)), key=_part)


def _own(folder: Path, files: Sequence[Path], metadata: dict[str, Any]) -> list[Path]:
    """Which of the recordings in a folder are parts of the one that the folder is."""
    named = [_base(Path(name)) for name in _named(metadata)]
    name = without(folder.name, PARTIAL, COPYING)
    series = {name} | ({_part(Path(n))[0] for n in named} if len(named) > 1 else set())
    return [file for file in files if _base(file) in {name, *named} or _part(file)[0] in series]


def _is_one(files: Sequence[Path]) -> bool:
    """Whether the files are one part, however often it lies there."""
    return len({_base(file) for file in files}) == 1


def _named(metadata: dict[str, Any]) -> list[str]:
    names = metadata.get("relative_file_paths")
    return [str(name) for name in names] if isinstance(names, list) else []


def _base(file: Path) -> str:
    """The name of a part, however it is stored."""
    return without(file.name, *COMPRESSED, *STORAGES, *FOREIGN)


def _part(file: Path) -> tuple[str, int]:
    """Name and number of a file of a split recording."""
    match = PART.fullmatch(_base(file))
    assert match is not None  # it matches everything
    return match[1], int(match[2] or 0)


def storage_of(file: Path) -> str:
    """The ending that tells how a recording's file is stored; '' if it is none."""
    ending = Path(without(file.name, *COMPRESSED)).suffix
    return ending if ending in {*STORAGES, *FOREIGN} else ""


def without(name: str, *endings: str) -> str:
    """``name`` without each of these endings that it has."""
    for ending in endings:
        name = name.removesuffix(ending)
    return name


def bag_files(path: Path, metadata: dict[str, Any], left_out: list[str] | None = None) -> list[list[Path]]:
    """The parts of the bag at ``path`` in order of time; of each its files: plain first, then compressed.

    With ``left_out``, parts that are missing are named there.

    Raises:
        BagError: there is none, one that metadata.yaml names is missing, or it is stored otherwise.
    """
    legal = ", ".join(STORAGES)
    if not path.is_dir():
        if not path.is_file():
            raise BagError(f"{path}: no such bag")
        if not storage_of(path):
            raise BagError(f"{path}: not a bag: expected an episode's folder or a file ending in {legal}")
        _refuse_foreign(path)
        return [[path]]
    named = [_within(path, name) for name in _named(metadata)]
    files = _recordings(path)
    own = _own(path, files, metadata) or (files if not named and _is_one(files) else [])
    parts: dict[str, list[Path]] = {_base(file): [] for file in named}
    for file in own:
        parts.setdefault(_base(file), []).append(file)
    if strange := [file for file in named if not storage_of(file) and file.is_file()]:
        raise BagError(
            f"{path}: {strange[0].name}: expected a file ending in {legal}, which `ros2 bag convert` writes"
        )
    missing = [file.name for file in named if not parts[_base(file)]]
    if left_out is not None and own:
        left_out += [f"{path / name}: it is not there, but metadata.yaml names it" for name in missing]
        missing = []
    if missing or not own:
        raise BagError(f"{path}: not a bag: no {', '.join(missing) or f'file ending in {legal}'} in it")
    for file in own:
        _refuse_foreign(file)
    return [files for files in parts.values() if files]


def _refuse_foreign(file: Path) -> None:
    if (kind := FOREIGN.get(storage_of(file))) is not None:
        raise BagError(f"{file}: {kind}")


def _within(folder: Path, name: str) -> Path:
    """The file that metadata.yaml calls ``name``; early rosbag2 wrote the bag's own name before it."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise BagError(
            f"{folder / METADATA}: relative_file_paths: expected a file in its own folder, got {name}"
        )
    return folder / Path(name).name
