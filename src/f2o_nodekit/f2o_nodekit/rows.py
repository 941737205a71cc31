"""A table that a real-time loop fills at constant cost per row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 1 << 13  # rows: a minute at 125 Hz


class Rows:
    """Rows of one structured type, kept in blocks: growing copies nothing.

    Args:
        dtype: of a row; its names are the columns.
        keep: False keeps the newest rows only, one block or two.
    """

    def __init__(self, dtype: np.dtype, keep: bool = True, block: int = BLOCK) -> None:
        self._keep, self._block = keep, block
        self._blocks = [np.zeros(block, dtype)]
        self._filled = 0  # of the last block
        self.count = 0  # rows ever added

    def add(self, row: tuple[Any, ...]) -> None:
        """Append one row; some microseconds."""
        if self._filled == self._block:
            self._blocks.append(np.zeros(self._block, self._blocks[0].dtype))
            self._filled = 0
            if not self._keep:
                del self._blocks[:-2]
        self._blocks[-1][self._filled] = row
        self._filled += 1
        self.count += 1

    def recent(self, rows: int) -> dict[str, np.ndarray]:
        """Every column of the newest ``rows`` rows, or of those there are."""
        blocks = list(self._blocks)  # another thread may append meanwhile
        last = blocks[-1][: self._filled]
        wanted = 1 + max(rows - len(last) + self._block - 1, 0) // self._block
        joined = np.concatenate([*blocks[-wanted:-1], last])[-rows:] if rows else last[:0]
        return {name: joined[name] for name in joined.dtype.names or ()}

    def columns(self) -> dict[str, np.ndarray]:
        """Every column of all rows kept."""
        return self.recent(len(self._blocks) * self._block)

    def save(self, path: str | Path, **extra: Any) -> None:
        """Write every column and ``extra`` (as JSON) to an .npz, which appears once it is whole.

        Not compressed: a process that is told to end has a second or two.
        """
        path = Path(path)
        part = path.with_name(path.name + ".partial")
        with part.open("wb") as file:
            arrays: dict[str, Any] = {**self.columns(), "extra": json.dumps(extra)}
            np.savez(file, **arrays)
        part.replace(path)
