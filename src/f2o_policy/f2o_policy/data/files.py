"""Atomic writes, also when the writer is killed; a full disk is reported in one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from f2o_policy.errors import FullDiskError


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a file beside ``path``, sync it to disk, and rename it to ``path``.

    Raises:
        FullDiskError: it could not be written; the old file is untouched.
    """
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as RuntimeError
        part.unlink(missing_ok=True)
        raise FullDiskError(path, error) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file, none if it is missing; a truncated last line is left out."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def drop_truncated_line(path: Path) -> None:
    """Remove a last line that a crash truncated, so that nothing is appended to it."""
    text = path.read_text() if path.exists() else ""
    if text and not text.endswith("\n"):
        write_text(path, text[: text.rfind("\n") + 1])


def append(path: Path, data: bytes) -> None:
    """Append to a file and sync it to disk.

    Raises:
        FullDiskError: it could not be written.
    """
    try:
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FullDiskError(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as ``write_file`` does."""
    write_file(path, lambda part: part.write_text(text))


def write_json(path: Path, tree: Any) -> None:
    """Write ``tree`` as ``write_file`` does."""
    write_text(path, json.dumps(tree, indent=1) + "\n")


def read_json(path: Path, error: Callable[[str], Exception]) -> dict[str, Any]:
    """The JSON object in ``path``.

    Raises:
        Exception: ``error(text)``, where the file cannot be read, is not JSON or not an object.
    """
    try:
        tree = json.loads(path.read_text())
    except OSError as cause:
        raise error(f"{path.name} cannot be read ({cause.strerror})") from cause
    except ValueError as cause:
        raise error(f"{path.name} is not JSON") from cause
    if not isinstance(tree, dict):
        raise error(f"{path.name} is not an object")
    return tree
