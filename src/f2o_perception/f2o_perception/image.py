"""Images to the network's size, in integers only, so that the result does not depend on the machine.

The whole image is squeezed to a square (no crop): a 240 x 180 view loses a little aspect ratio, which a trained
encoder does not mind, and keeps its left and right border, where the ways around an obstacle are.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import UInt8, UInt16


def resize_rgb(image: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Exact area average: each output pixel is the mean of the source area that it covers, rounded half up."""
    rows, columns = _area_table(image.shape[0], size), _area_table(image.shape[1], size)
    total = rows.total * columns.total
    wide = np.uint32 if 255 * total + total // 2 < 2**32 else np.uint64
    squeezed = _weighted(image, rows, 0, wide)
    summed = _weighted(squeezed, columns, 1, wide)
    summed += wide(total // 2)
    summed //= wide(total)
    return summed.astype(np.uint8)


def resize_depth(image: UInt16[np.ndarray, "h w"], size: int) -> UInt16[np.ndarray, "{size} {size}"]:
    """The measurement nearest to each output pixel's centre; depths are never mixed across an edge."""
    return image[np.ix_(_nearest(image.shape[0], size), _nearest(image.shape[1], size))]


class _AreaTable:
    """Which source pixels an output pixel covers, and by how many of ``total`` parts."""

    def __init__(self, source: int, size: int) -> None:
        common = math.gcd(source, size)
        self.total = source // common  # parts of an output pixel; a source pixel has ``part`` of them
        part = size // common
        edges = np.arange(size + 1) * self.total
        first = edges[:-1] // part
        taps = int(((edges[1:] - 1) // part - first).max()) + 1
        index = first[:, None] + np.arange(taps)
        overlap = np.minimum(edges[1:, None], (index + 1) * part) - np.maximum(edges[:-1, None], index * part)
        self.index = np.minimum(index, source - 1).T  # (taps, size)
        self.weight = np.maximum(overlap, 0).T.astype(np.uint32)


@lru_cache(maxsize=64)
def _area_table(source: int, size: int) -> _AreaTable:
    return _AreaTable(source, size)


@lru_cache(maxsize=64)
def _nearest(source: int, size: int) -> np.ndarray:
    return (2 * np.arange(size) + 1) * source // (2 * size)


def _weighted(image: np.ndarray, table: _AreaTable, axis: int, dtype: type[np.unsignedinteger]) -> np.ndarray:
    """Sum of the covered source pixels along ``axis``, each times its parts."""
    shape = (-1,) + (1,) * (image.ndim - 1 - axis)
    out: np.ndarray | None = None
    for index, weight in zip(table.index, table.weight, strict=True):
        term = image.take(index, axis=axis).astype(dtype)
        term *= weight.astype(dtype).reshape(shape)
        out = term if out is None else np.add(out, term, out=out)
    assert out is not None  # a table has at least one tap
    return out
