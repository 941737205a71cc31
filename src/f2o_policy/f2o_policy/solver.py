"""The time grid on which a flow is integrated; plain numbers, so that the runtime can integrate without torch."""

from __future__ import annotations

import itertools
import math


def euler(steps: int, spacing: str) -> list[tuple[float, float]]:
    """Time of each step, and how much of x it keeps.

    Exponential: step n is proportional to exp(-4 n / steps), so half of the time is gone after a sixth of the steps.
    The last time is never 1, and the last step keeps nothing: it lands on the network's output.
    """
    sizes = [math.exp(-4.0 * n / steps) if spacing == "exponential" else 1.0 for n in range(steps)]
    left = [sum(sizes[n:]) / sum(sizes) for n in range(steps)] + [0.0]  # 1 - t
    return [(1.0 - now, after / now) for now, after in itertools.pairwise(left)]
