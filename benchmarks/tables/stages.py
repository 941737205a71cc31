"""The jobs behind the rows; each is resumed where it stood, and each runs in a process of its own with one thread."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from f2o_nodekit.config import load_config
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.training.config import Config
from f2o_policy.training.distill import distill
from f2o_policy.training.sample import sample
from f2o_policy.training.train import train
from f2o_sim.rollout.episode import PolicyUnderTest
from f2o_sim.rollout.evaluate import evaluate

from benchmarks.forks.forks import evaluate_forks
from benchmarks.tables.rows import Budget, Row, Teacher

CAMERA_HZ = 15.0
TICKS = {True: 25, False: 4}  # between plans of a teacher (50 passes a plan) and of a student


@dataclass(frozen=True)
class Place:
    """What is given and where everything goes."""

    data: Path
    teacher: Path
    sets: Path
    config: Path
    out: Path

    def teacher_folder(self, name: str) -> Path:
        """Run of the teacher ``name``; '' is the given one."""
        return self.out / "teachers" / name.replace(" ", "_") if name else self.teacher

    def configuration(self, overrides: dict[str, Any]) -> Any:
        """The configuration with one thread a process."""
        return load_config(Config, self.config, {"threads": 1, **overrides})


def train_teacher(job: tuple[Place, Teacher, Budget, bool]) -> str:
    """Train one teacher; with the last flag also sample its sets."""
    place, teacher, budget, with_sets = job
    out = place.teacher_folder(teacher.name)
    overrides = {"sets.observations": budget.observations, **teacher.overrides}
    config = place.configuration(overrides)
    train(place.data, out, config, progress=False, encoder=place.teacher, keep=teacher.keep)
    if with_sets:
        sample(out, place.data, out / "sets", config, progress=False)
    return teacher.name


def judge(job: tuple[Place, Row, Budget]) -> dict[str, Any]:
    """Distil the row's student if it has one, then evaluate it in closed loop and at the fork.

    Run and journal know what they were made with: another budget is refused or played, never mistaken for this one.
    """
    place, row, budget = job
    out = place.out / "rows" / row.slug
    policy = teacher = place.teacher_folder(row.teacher)
    if row.student is not None:
        policy = out / "student"
        config = place.configuration({**_sizes(teacher), **row.student})
        distill(teacher, teacher / "sets" if row.teacher else place.sets, policy, config, progress=False)
    is_teacher = row.student is None
    steps = budget.euler if is_teacher else 0
    config = PolicyConfig(checkpoint=str(policy), steps=steps, replan_ticks=TICKS[is_teacher])
    tested = PolicyUnderTest(row.name, config)
    seeds = list(range(budget.seed, budget.seed + budget.episodes))
    journal = out / "episodes.jsonl"
    report = evaluate("reach_around", [tested], seeds, progress=False, camera_hz=CAMERA_HZ, journal=journal)
    played = report["policies"][0]
    forks = evaluate_forks([tested], seeds[: budget.scenes], progress=False)[row.name]
    return {**asdict(row), "played": played, "forks": forks}


def _sizes(teacher: Path) -> dict[str, Any]:
    """The horizon of a teacher's run, for the student's configuration."""
    window = json.loads((teacher / "config.json").read_text())["config"]["window"]
    return {"model.horizon": window["horizon"], "window.horizon": window["horizon"]}
