"""The time grid of the flow integration, without torch, so that the runtime can integrate."""

from __future__ import annotations

import itertools
import math


def euler(steps: int, spacing: str) -> list[tuple[float, float]]:
    """Time of each step, and the share of x that it keeps.

    Exponential: step n is proportional to exp(-4 n / steps), so half of the time passes in a sixth of the steps. The
    last time is never 1, and the last step keeps nothing: it ends on the network's output.
    """
    sizes = [math.exp(-4.0 * n / steps) if spacing == "exponential" else 1.0 for n in range(steps)]
    left = [sum(sizes[n:]) / sum(sizes) for n in range(steps)] + [0.0]  # 1 - t
    return [(1.0 - now, after / now) for now, after in itertools.pairwise(left)]
