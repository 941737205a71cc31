"""reach_moving: as reach_around, but a belt moves the cube back and forth: with latency a policy grasps beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from f2o_sim.tasks.base import OscillatingBelt, Placement
from f2o_sim.tasks.reach_around import CUBE, ReachAround

AMPLITUDE_M = 0.04
RATE_RAD_S = (0.5, 0.9)  # peak speeds of 2.0 to 3.6 cm/s; the open fingers leave 1.7 cm on either side


class ReachMoving(ReachAround):
    """The task; where the cube lies in reach_around is here the middle of its way."""

    name = "reach_moving"

    def place(self, seed: int) -> Placement:
        """Scene and arm of reach_around with the same seed, and a random belt."""
        still = super().place(seed)
        rng = np.random.default_rng([seed, 1])
        belt = OscillatingBelt(AMPLITUDE_M, rng.uniform(*RATE_RAD_S), rng.uniform(0.0, 2 * np.pi))
        cube = still.objects[CUBE].copy()
        cube[1] += belt.offset(0.0)
        return replace(still, objects={**still.objects, CUBE: cube}, belts={CUBE: belt})
