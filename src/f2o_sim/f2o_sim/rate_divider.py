"""What is due at a fixed rate of simulated time."""

from __future__ import annotations

import math

from f2o_nodekit.stamps import NS_PER_S

from f2o_sim.world import STEP_NS


class RateDivider:
    """True once per period of simulated time, at the first physics step that is not before it."""

    def __init__(self, hz: float) -> None:
        self._period_ns = NS_PER_S / hz
        self.restart(0)

    def restart(self, now_ns: int) -> None:
        """Next due one period from now."""
        self._start_ns, self._count = now_ns, 0
        self._next()

    def _next(self) -> None:
        self._count += 1
        self.at_ns = self._start_ns + math.ceil(round(self._count * self._period_ns) / STEP_NS) * STEP_NS

    def __call__(self, now_ns: int) -> bool:
        """Whether it is due at ``now_ns``; if so, the next one is a period later."""
        if now_ns < self.at_ns:
            return False
        self._next()
        return True
