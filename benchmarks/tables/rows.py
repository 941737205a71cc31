"""What is trained and judged: one row a policy, written as overrides of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HORIZONS = (4, 8, 16, 32)
COUNTS = (2, 4, 8, 16)
MASKS = {"off": 0.0, "capped at 0.2": 0.2, "uncapped": 1.0}
MODALITIES: dict[str, tuple[tuple[str, ...], str]] = {
    "colour + depth, concatenated": (("colour", "depth"), "concat"),
    "colour + depth, attention": (("colour", "depth"), "attention"),
    "colour + depth, gated attention": (("colour", "depth"), "gated"),
    "points + colour": (("colour", "points"), "gated"),
    "points + depth": (("depth", "points"), "gated"),
    "all": (("colour", "depth", "points"), "gated"),
}


@dataclass(frozen=True)
class Budget:
    """What each row may cost; stated in the result. The given encoder's own training is not in it."""

    head_steps: int = 1000  # teacher on a frozen encoder
    fusion_steps: int = 400  # teacher on frozen trunks: everything after them learns
    student_steps: int = 600
    observations: int = 500  # with a set of 16 trajectories
    count_steps: int = 1500  # students of the table over K, from the given sets
    episodes: int = 50
    seed: int = 3000  # first of the paired seeds; those of benchmarks.dither too, and of no training
    euler: int = 50
    scenes: int = 20  # forks


@dataclass(frozen=True)
class Teacher:
    """A teacher to train: ``keep`` says what is frozen of the given one."""

    name: str
    keep: str
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of a table. ``teacher`` '' is the given teacher with the given sets."""

    table: str
    name: str
    teacher: str = ""
    student: dict[str, Any] | None = None  # overrides of its distillation; None judges the teacher itself

    @property
    def slug(self) -> str:
        """A folder's name."""
        return f"{self.table}_{self.name}".replace(" ", "_").replace(",", "").replace("+", "and")


def teachers(budget: Budget) -> list[Teacher]:
    """Every teacher that some row needs, once."""
    heads = {"teacher.steps": budget.head_steps, "teacher.warmup_steps": 50}
    fused = {"teacher.steps": budget.fusion_steps, "teacher.warmup_steps": 50}
    found = [
        Teacher(f"h{h}", "encoder", {"model.horizon": h, "window.horizon": h, **heads}) for h in HORIZONS
    ]
    found += [
        Teacher(f"mask {name}", "encoder", {"cfm.mask_cap": cap, **heads})
        for name, cap in MASKS.items()
        if cap != 0.2  # that one is h16
    ]
    for name, (modalities, fusion) in MODALITIES.items():
        found.append(
            Teacher(name, "trunks", {"model.modalities": list(modalities), "model.fusion": fusion, **fused})
        )
    return found


def rows(budget: Budget) -> list[Row]:
    """Every line of the four tables; the first of each is what the others are paired with."""
    short = {"student.steps": budget.student_steps, "student.warmup_steps": 50}
    long = {"student.steps": budget.count_steps, "student.warmup_steps": 50}
    found = [Row("horizon", f"H = {h}", f"h{h}", short) for h in reversed(HORIZONS)]
    found += [
        Row("count", f"K = {k}", "", {"sets.used": k, "imle.hypotheses": k, **long}) for k in reversed(COUNTS)
    ]
    found += [Row("mask", name, "h16" if cap == 0.2 else f"mask {name}") for name, cap in MASKS.items()]
    return found + [Row("modality", name, name) for name in reversed(MODALITIES)]
