"""Confidence intervals and tests for success rates."""

from __future__ import annotations

import math


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval of a proportion, 95 % by default; (0, 1) for no trials."""
    if trials == 0:
        return 0.0, 1.0
    p, zz = successes / trials, z * z / trials
    centre = (p + zz / 2) / (1 + zz)
    half = z * math.sqrt(p * (1 - p) / trials + zz / trials / 4) / (1 + zz)
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(first: list[bool], second: list[bool]) -> float:
    """Two-sided exact p-value that two policies differ, from the seeds on which exactly one of them succeeded."""
    wins = sum(a and not b for a, b in zip(first, second, strict=True))
    losses = sum(b and not a for a, b in zip(first, second, strict=True))
    n, k = wins + losses, min(wins, losses)
    return min(1.0, 2.0 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n) if n else 1.0
