"""The files of a data set: types, growing .npy arrays, the journal, hashes. Used by ``store`` only."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from f2o_policy.data.files import drop_truncated_line, read_lines
from f2o_policy.errors import DatasetError

DTYPES = {
    "rgb": np.uint8,
    "depth_mm": np.uint16,
    "points": np.float16,
    "stamps": np.int64,
    "view_stamps": np.int64,
    "joints": np.float64,
    "command_stamps": np.int64,
    "commands": np.float64,
}
COMMAND_ARRAYS = ("command_stamps", "commands")


def digest(rows: dict[str, np.ndarray]) -> str:
    """sha256 of one episode's rows, every array."""
    digest = hashlib.sha256()
    for name in DTYPES:
        digest.update(np.ascontiguousarray(rows[name]).data)
    return digest.hexdigest()


def data_hash(entries: list[dict[str, Any]]) -> str:
    """sha256 of a data set: of its episodes' hashes in order."""
    return hashlib.sha256("".join(e["sha256"] for e in entries).encode()).hexdigest()


def totals_of(entries: list[dict[str, Any]]) -> dict[str, int]:
    """Rows of observations and of commands that the journal lists."""
    return {k: sum(e[k] for e in entries) for k in ("observations", "commands")}


def _row_count(name: str, totals: dict[str, int]) -> int:
    return totals["commands" if name in COMMAND_ARRAYS else "observations"]


def _header(name: str, layout: dict[str, Any], rows: int) -> bytes:
    """A .npy header; numpy pads it, so that its length stays the same while the first axis grows."""
    text = io.BytesIO()
    shape = (rows, *layout["shapes"][name])
    descr = np.lib.format.dtype_to_descr(np.dtype(DTYPES[name]))
    np.lib.format.write_array_header_1_0(text, {"descr": descr, "fortran_order": False, "shape": shape})
    return text.getvalue()


def create_arrays(path: Path, layout: dict[str, Any]) -> None:
    """Empty arrays: headers alone."""
    for name in DTYPES:
        (path / f"{name}.npy").write_bytes(_header(name, layout, 0))


def write_headers(path: Path, layout: dict[str, Any], totals: dict[str, int]) -> None:
    """Make the headers say how many rows there are."""
    for name in DTYPES:
        with (path / f"{name}.npy").open("r+b") as file:
            file.write(_header(name, layout, _row_count(name, totals)))


def truncate_arrays(path: Path, layout: dict[str, Any], totals: dict[str, int]) -> None:
    """Remove the rows that no journal line lists.

    Raises:
        DatasetError: an array is shorter than the journal says.
    """
    for name in DTYPES:
        row = int(np.prod(layout["shapes"][name], dtype=np.int64)) * np.dtype(DTYPES[name]).itemsize
        size = len(_header(name, layout, 0)) + _row_count(name, totals) * row
        file = path / f"{name}.npy"
        if not file.exists() or file.stat().st_size < size:
            raise DatasetError(
                path, f"{file.name} is shorter than its journal says; delete the folder, convert again"
            )
        os.truncate(file, size)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The entries of the journal; a truncated last line is removed.

    Raises:
        DatasetError: another line is no JSON.
    """
    file = path / "journal.jsonl"
    drop_truncated_line(file)
    try:
        return read_lines(file)
    except ValueError as error:
        raise DatasetError(path, "journal.jsonl is damaged; delete the folder, convert again") from error
