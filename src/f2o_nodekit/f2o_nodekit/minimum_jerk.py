"""The minimum-jerk motion from rest to rest (Flash and Hogan 1985, J. Neurosci. 5(7), equation 2)."""

from __future__ import annotations

PEAK = 1.875
"""Its fastest moment, as a multiple of its mean speed."""


def minimum_jerk(time: float) -> tuple[float, float]:
    """How far the motion is after the share ``time`` of its duration, and how fast.

    Args:
        time: share of the duration; below 0 the motion rests at its start, above 1 at its end.

    Returns:
        The share of the way, 0 to 1, and its derivative by ``time``: divide that by the duration [s] for a rate.
    """
    u = min(max(time, 0.0), 1.0)
    return u**3 * (10 - 15 * u + 6 * u * u), 30 * u * u * (1 - u) ** 2


def duration_s(distance: float, max_speed: float, shortest_s: float) -> float:
    """Seconds that a motion over ``distance`` takes if it is never faster than ``max_speed`` (same unit a second)."""
    return max(distance * PEAK / max_speed, shortest_s)
