"""Smoothness of an episode: jerk of the arm, jumps of the target."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


class Motion:
    """Gathers the joint positions and the jumps of the plan during an episode.

    Args:
        tick_s: between two positions [s].
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._positions: list[np.ndarray] = []
        self._jumps: list[float] = []

    def moved(self, joints: Float64[np.ndarray, " J"]) -> None:
        """Add the joint positions of the next tick [rad]."""
        self._positions.append(joints)

    def replanned(self, jump_rad: float) -> None:
        """Add the jump of the target at a new plan [rad]."""
        self._jumps.append(jump_rad)

    @property
    def jerk(self) -> float | None:
        """Root mean square of the joints' jerk [rad/s^3]; None where there are too few positions."""
        if len(self._positions) < 4:
            return None
        return float(np.sqrt((np.diff(self._positions, 3, axis=0) ** 2).mean())) / self._tick_s**3

    @property
    def jump(self) -> float | None:
        """Mean jump of the target at a new plan [rad]; None where there was none."""
        return float(np.mean(self._jumps)) if self._jumps else None
