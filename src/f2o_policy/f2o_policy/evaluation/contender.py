"""Who plays, how, and what came of an episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from f2o_policy.runtime.executor import ExecutorConfig


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Attributes:
        name: in the table; different for every contender.
        checkpoint: file, run folder or export.
        steps: 0 for a one-step student, else the Euler steps of a teacher.
        replan_ticks: between two plans; a plan under way is waited for.
        hypotheses, backend, precision: as of the policy node.
        latency_s: simulated time from the look to the chunk: what planning takes on the machine to be judged [s].
        noise: ``fresh`` for every plan, or ``held``: the same for all plans of an episode.
        executor: how plans become targets.
    """

    name: str
    checkpoint: Path
    steps: int = 0
    replan_ticks: int = 4
    hypotheses: int = 2
    backend: str = "auto"
    precision: str = "f32"
    latency_s: float = 0.0
    noise: str = "fresh"
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)


@dataclass(frozen=True)
class Record:
    """One episode of one contender."""

    seed: int
    success: bool
    collision: bool
    side: str
    duration_s: float
    mode_switches: int
    jerk: float = float("nan")  # of the arm, root mean square [rad/s^3]
    jump: float = float("nan")  # of the next target at a new plan, mean [rad]
