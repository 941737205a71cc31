"""Episodes that were played already, one line each: an evaluation that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from f2o_policy.data.files import append


class Journal:
    """Lines of JSON at ``path``; a record counts for the very settings it was made with, whatever their name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        self._known = {(_key(one["settings"]), one["seed"]): one["record"] for one in whole}
        if len(whole) < len(lines):  # the last line was cut by a crash: what follows must not be glued to it
            path.write_text("".join(lines[: len(whole)]))

    def get(self, settings: Mapping[str, Any], seed: int) -> dict[str, Any] | None:
        """The record of one episode, if it was played with these settings."""
        return self._known.get((_key(settings), seed))

    def add(self, settings: Mapping[str, Any], seed: int, record: dict[str, Any]) -> None:
        """Keep a record.

        Raises:
            FullDiskError: it could not be written.
        """
        self._known[_key(settings), seed] = record
        line = {"settings": settings, "seed": seed, "record": record}
        append(self._path, (json.dumps(line) + "\n").encode())


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)
