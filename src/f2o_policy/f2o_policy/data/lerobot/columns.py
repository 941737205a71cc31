"""Columns of numbers in a LeRobotDataset, checked: what others write has nulls, ragged rows, NaN and other units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

FULL_TURN_RAD = 2 * math.pi  # no joint of an arm goes further; values of degrees do
WIDEST_M = 0.5  # no parallel gripper opens further; a normalised or a millimetre width does


class ColumnProblem(Exception):
    """A column that cannot be used; the text names it and says what is expected."""


def numbers(table: pa.Table, key: str, shape: Sequence[int]) -> np.ndarray:
    """The column ``key`` as an array (N,*shape); a shape of [1] adds no axis.

    Raises:
        ColumnProblem: a null, rows of different lengths, or no numbers.
    """
    column = table[key].combine_chunks()
    values = column.storage if isinstance(column, pa.ExtensionArray) else column
    frames = np.arange(len(values))
    per_row = 1
    while _is_list(values.type):
        _refuse_nulls(key, values, frames, per_row)
        fixed = pa.types.is_fixed_size_list(values.type)
        lengths = [values.type.list_size] if fixed else values.value_lengths().unique().to_pylist()
        if len(lengths) > 1:
            raise ColumnProblem(
                f"{key}: rows have {min(lengths)} to {max(lengths)} numbers; expected one length"
            )
        per_row *= lengths[0] if lengths else 1
        values = values.flatten()
    _refuse_nulls(key, values, frames, per_row)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise ColumnProblem(f"{key}: expected numbers, got {values.type}")
    expected = [] if list(shape) == [1] else list(shape)
    if per_row != math.prod(expected):
        raise ColumnProblem(f"{key}: rows have {per_row} numbers, meta/info.json says {list(shape)}")
    return values.to_numpy(zero_copy_only=False).reshape(len(frames), *expected)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind)


def _refuse_nulls(key: str, values: pa.Array, frames: np.ndarray, per_row: int) -> None:
    if values.null_count:
        where = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // max(per_row, 1)
        raise ColumnProblem(f"{key}: row {frames[where]} of the episode is null; expected numbers")


def whole(row: dict[str, Any], key: str) -> int:
    """The value of ``key`` in a row of meta/episodes; pandas makes floats of integers, which are taken.

    Raises:
        ColumnProblem: it is missing, or no integer of 0 or more.
    """
    value = row.get(key)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value != int(value) or value < 0:
        raise ColumnProblem(f"meta/episodes: {key}: expected an integer of 0 or more, got {value!r}")
    return int(value)


def check_order(frames: np.ndarray) -> None:
    """Check that no frame comes twice and none is missing.

    Raises:
        ColumnProblem: one does, or is.
    """
    given, counts = np.unique(frames, return_counts=True)
    if counts.max() > 1:
        raise ColumnProblem(f"frame_index {given[counts.argmax()]} comes {counts.max()} times; expected once")
    if given[-1] - given[0] + 1 != len(given):
        gap = given[np.flatnonzero(np.diff(given) != 1)[0]]
        raise ColumnProblem(f"frame_index {gap + 1} is missing; expected every frame")


def check_joints(key: str, values: np.ndarray) -> None:
    """Check that (N,8) values may be 7 joints [rad] and a gripper's width [m]: units are not in the format.

    Raises:
        ColumnProblem: not finite, or values that are no radians or metres.
    """
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise ColumnProblem(f"{key}: row {row} of the episode is not finite")
    if (angle := np.abs(values[:, :-1]).max()) > FULL_TURN_RAD:
        raise ColumnProblem(f"{key}: joint values up to {angle:.4g}; expected radians (degrees / 57.3)")
    if (width := np.abs(values[:, -1]).max()) > WIDEST_M:
        raise ColumnProblem(f"{key}: a gripper's width up to {width:.4g}; expected metres")
