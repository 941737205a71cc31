"""What one trial of the demo gave, and what a run of them adds up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from f2o_perception.frames import Observation


@dataclass(frozen=True)
class Trial:
    """One episode as the simulator judged it."""

    seed: int
    success: bool
    collision: bool
    side: str
    duration_s: float


@dataclass
class Run:
    """All trials of a run with what was heard beside them.

    Attributes:
        trials: in order of their seeds.
        observations: some of those the policy saw, every so many.
        first: the first observation of every trial.
        diagnostics: values of every status heard while a trial ran, by "<status name>/<key>".
    """

    trials: list[Trial] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    first: dict[int, Observation] = field(default_factory=dict)
    diagnostics: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Median of a diagnostic value over the run; NaN when it was never heard."""
        values = self.diagnostics.get(name, [])
        return float(np.median(values)) if values else float("nan")


def count(trials: list[Trial]) -> dict[str, Any]:
    """Success rate, sides of the successful trials and collisions."""
    sides = Counter(trial.side for trial in trials if trial.success)
    return {
        "episodes": len(trials),
        "success_rate": round(sum(trial.success for trial in trials) / max(len(trials), 1), 3),
        "left": sides["left"],
        "right": sides["right"],
        "collisions": sum(trial.collision for trial in trials),
        "trials": [asdict(trial) for trial in trials],
    }
