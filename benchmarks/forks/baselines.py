"""The same seeds without ROS: what the teacher, its one-step cut and an MSE-distilled student do with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f2o_policy.evaluation.contender import Contender
from f2o_policy.evaluation.rollout import evaluate

from benchmarks.forks.timing import TEACHER_STEPS

CAMERA_HZ = 15.0  # the least that the live loop has; a person waits for this, and frames are most of the cost


@dataclass(frozen=True)
class Checkpoints:
    """Where the demo's checkpoints lie."""

    folder: Path

    @property
    def student(self) -> Path:
        """The Chamfer-distilled student."""
        return self.folder / "student.pt"

    @property
    def teacher(self) -> Path:
        """Its teacher."""
        return self.folder / "teacher.pt"

    @property
    def mse(self) -> Path:
        """The student distilled with unpaired MSE from the same sets."""
        return self.folder / "mse.pt"


def contenders(checkpoints: Checkpoints) -> list[Contender]:
    """Who is compared; the 50-step teacher re-plans less often, as it must on a real arm."""
    return [
        Contender("student, 1 step (Chamfer)", checkpoints.student, steps=0, replan_ticks=4),
        Contender(
            f"teacher, {TEACHER_STEPS} steps", checkpoints.teacher, steps=TEACHER_STEPS, replan_ticks=25
        ),
        Contender("teacher cut to 1 step", checkpoints.teacher, steps=1, replan_ticks=4),
        Contender("student, 1 step (MSE)", checkpoints.mse, steps=0, replan_ticks=4),
    ]


def run_baselines(task: str, checkpoints: Checkpoints, seeds: list[int], processes: int) -> dict[str, Any]:
    """Success of every contender over ``seeds``, headless and faster than real time."""
    return evaluate(task, contenders(checkpoints), seeds, processes=processes, camera_hz=CAMERA_HZ)
