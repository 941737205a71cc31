"""Which earlier observations belong to an instant: the same rule in training and at run time."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Int64


def lookback_ns(count: int, dt_s: float) -> Int64[np.ndarray, " n"]:
    """How long before the instant each of ``count`` instants of a history lies, the oldest first, 0 last."""
    return np.round(np.arange(count - 1, -1, -1) * dt_s * NS_PER_S).astype(np.int64)


def nearest(stamps_ns: Int64[np.ndarray, " t"], at_ns: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Index of the stamp nearest to each instant; ``stamps_ns`` increase.

    Before the first stamp it is the first: an episode starts at rest, so earlier observations would look the same.
    """
    right = np.searchsorted(stamps_ns, at_ns).clip(1, max(1, len(stamps_ns) - 1))
    left, right = right - 1, np.minimum(right, len(stamps_ns) - 1)
    return np.where(at_ns - stamps_ns[left] <= stamps_ns[right] - at_ns, left, right).astype(np.int64)
