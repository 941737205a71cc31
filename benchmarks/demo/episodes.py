"""What one episode of the demo gave, and what a run of them adds up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from f2o_perception.frames import Observation


@dataclass(frozen=True)
class Episode:
    """One episode as the simulator judged it."""

    seed: int
    success: bool
    collision: bool
    side: str
    duration_s: float


@dataclass
class Run:
    """All episodes of a run with the messages received meanwhile.

    Attributes:
        episodes: in order of their seeds.
        observations: some of those the policy saw, every so many.
        first: the first observation of every episode.
        diagnostics: values of every status received while an episode ran, by "<status name>/<key>".
    """

    episodes: list[Episode] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    first: dict[int, Observation] = field(default_factory=dict)
    diagnostics: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Median of a diagnostic value over the run; NaN when it was never received."""
        values = self.diagnostics.get(name, [])
        return float(np.median(values)) if values else float("nan")


def count(episodes: list[Episode]) -> dict[str, Any]:
    """Success rate, sides of the successful episodes and collisions."""
    sides = Counter(episode.side for episode in episodes if episode.success)
    return {
        "episodes": len(episodes),
        "success_rate": round(sum(episode.success for episode in episodes) / max(len(episodes), 1), 3),
        "left": sides["left"],
        "right": sides["right"],
        "collisions": sum(episode.collision for episode in episodes),
        "each": [asdict(episode) for episode in episodes],
    }
