"""The same seeds without ROS: what the teacher, its one-step cut and an MSE-distilled student do with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f2o_policy.runtime.config import PolicyConfig
from f2o_sim.rollout.episode import PolicyUnderTest
from f2o_sim.rollout.evaluate import evaluate

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


def policies(checkpoints: Checkpoints) -> list[PolicyUnderTest]:
    """Who is compared; the 50-step teacher re-plans less often, as it must on a real arm."""
    rows = {
        "student, 1 step (Chamfer)": (checkpoints.student, 0, 4),
        f"teacher, {TEACHER_STEPS} steps": (checkpoints.teacher, TEACHER_STEPS, 25),
        "teacher cut to 1 step": (checkpoints.teacher, 1, 4),
        "student, 1 step (MSE)": (checkpoints.mse, 0, 4),
    }
    return [
        PolicyUnderTest(name, PolicyConfig(checkpoint=str(path), steps=steps, replan_ticks=ticks))
        for name, (path, steps, ticks) in rows.items()
    ]


def run_baselines(task: str, checkpoints: Checkpoints, seeds: list[int], processes: int) -> dict[str, Any]:
    """Success of every policy over ``seeds``, headless and faster than real time."""
    return evaluate(task, policies(checkpoints), seeds, processes=processes, camera_hz=CAMERA_HZ)
