"""The minimum-jerk motion from rest to rest (Flash and Hogan 1985, J. Neurosci. 5(7), equation 2)."""

from __future__ import annotations

PEAK = 1.875
"""Ratio of peak speed to mean speed."""


def minimum_jerk(time: float) -> tuple[float, float]:
    """Position and speed of the motion at the normalised ``time``.

    Args:
        time: fraction of the duration; below 0 the motion rests at its start, above 1 at its end.

    Returns:
        The fraction of the distance, 0 to 1, and its derivative by ``time``; divided by the duration [s] it is a rate.
    """
    u = min(max(time, 0.0), 1.0)
    return u**3 * (10 - 15 * u + 6 * u * u), 30 * u * u * (1 - u) ** 2


def duration_s(distance: float, max_speed: float, shortest_s: float) -> float:
    """Shortest duration [s] of a motion over ``distance`` at ``max_speed`` (same unit per second) or less."""
    return max(distance * PEAK / max_speed, shortest_s)
