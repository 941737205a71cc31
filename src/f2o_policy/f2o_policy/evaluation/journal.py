"""Episodes that were played already, one line each: an evaluation that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from f2o_policy.data.files import append, cut_torn_line, read_lines


class Journal:
    """Records by seed and the very settings they were made with, whatever their name; lines of JSON at ``path``.

    Without a ``path`` nothing is known and nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[tuple[str, int], dict[str, Any]] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            cut_torn_line(path)
            self._known = {(_key(one["settings"]), one["seed"]): one["record"] for one in read_lines(path)}

    def get(self, settings: Mapping[str, Any], seed: int) -> dict[str, Any] | None:
        """The record of one episode, if it was played with these settings."""
        return self._known.get((_key(settings), seed))

    def add(self, settings: Mapping[str, Any], seed: int, record: dict[str, Any]) -> None:
        """Keep a record.

        Raises:
            FullDiskError: it could not be written.
        """
        if self._path is not None:
            line = {"settings": settings, "seed": seed, "record": record}
            append(self._path, (json.dumps(line) + "\n").encode())


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)
