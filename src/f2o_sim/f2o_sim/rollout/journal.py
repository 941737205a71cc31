"""Finished episodes, one line each, so that an interrupted evaluation continues where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from f2o_nodekit.provenance import other_code
from f2o_policy.data.files import append, drop_truncated_line, read_lines

from f2o_sim.errors import JournalError


class Journal:
    """Records by seed and settings; JSON lines at ``path``, the first with the hash of the code.

    Without a ``path`` it is empty and keeps nothing.

    Args:
        path: of the file; an existing one is continued.
        code_sha256: of the code that runs the episodes.

    Raises:
        JournalError: the file was begun with other code, or is none.
    """

    def __init__(self, path: Path | None, code_sha256: str) -> None:
        self._path = path
        self._known: dict[tuple[str, int], dict[str, Any]] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_truncated_line(path)
        lines = read_lines(path)
        if not lines:
            append(path, _line({"code_sha256": code_sha256}))
            return
        if problem := other_code(lines[0].get("code_sha256", ""), code_sha256):
            raise JournalError(f"{path}: {problem}")
        self._known = {(_key(one["settings"]), one["seed"]): one["record"] for one in lines[1:]}

    def get(self, settings: Mapping[str, Any], seed: int) -> dict[str, Any] | None:
        """The record of one episode, if it was played with these settings."""
        return self._known.get((_key(settings), seed))

    def add(self, settings: Mapping[str, Any], seed: int, record: dict[str, Any]) -> None:
        """Keep a record.

        Raises:
            FullDiskError: it could not be written.
        """
        if self._path is not None:
            append(self._path, _line({"settings": settings, "seed": seed, "record": record}))


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _line(tree: Mapping[str, Any]) -> bytes:
    return (json.dumps(tree) + "\n").encode()
