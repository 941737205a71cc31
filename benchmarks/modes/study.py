"""One toy, one seed: a teacher, its sets, and a student by every method; the numbers of methods.md 7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from f2o_policy.methods import create
from f2o_policy.methods.base import Batch, Method, repeat
from f2o_policy.methods.chamfer import chamfer, distances, spread
from torch import Tensor

from benchmarks.modes.head import ToyHead
from benchmarks.modes.tasks import TOYS, Toy

# Row of the table -> method and its options (K = teacher trajectories a set).
STUDENTS: dict[str, tuple[str, int]] = {
    "Chamfer, K = 16": ("imle", 16),
    "Chamfer, K = 4": ("imle", 4),
    "paired noise": ("paired", 16),
    "Hungarian": ("hungarian", 16),
    "coverage only": ("coverage", 16),
    "fidelity only": ("fidelity", 16),
    "unpaired MSE": ("mse", 16),
}


@dataclass(frozen=True)
class StudyConfig:
    """Sizes of a study."""

    teacher_steps: int = 4000
    teacher_batch: int = 512
    student_steps: int = 2500
    student_conditions: int = 16  # a step, times K hypotheses
    sets: int = 1024  # conditions with a teacher set
    learning_rate: float = 4e-3
    judged: int = 128  # conditions the result is judged on, none of them seen before
    samples: int = 64  # of each

    def shortened(self, share: float) -> StudyConfig:
        """With this share of the training steps."""
        steps = {
            name: max(1, round(share * getattr(self, name))) for name in ("teacher_steps", "student_steps")
        }
        return replace(self, **steps)


@dataclass(frozen=True)
class Sampler:
    """A trained head with its method; ``steps`` None is the method's own number."""

    head: ToyHead
    method: Method
    steps: int | None = None

    @torch.no_grad()
    def __call__(self, conditions: Tensor, noise: Tensor) -> Tensor:
        """(B,E), (B,N,H,D) -> (B,N,H,D)."""
        many = noise.shape[1]
        embedding = repeat(conditions, many)
        joints = torch.zeros(len(embedding), 0)
        return self.method.sample(self.head, noise.flatten(0, 1), embedding, joints, self.steps).reshape(
            noise.shape
        )


def run(toy_name: str, seed: int, config: StudyConfig) -> dict[str, Any]:
    """Train and judge everything on one toy; the same seed gives the same numbers on one machine."""
    torch.manual_seed(seed)
    toy: Toy = TOYS[toy_name]()
    teacher = train_teacher(toy, config)
    seen = toy.conditions(config.sets)
    noise = torch.randn(config.sets, 16, toy.horizon, toy.width)
    sets = teacher(seen, noise)
    rows: dict[str, Sampler] = {
        "teacher, 50 steps": teacher,
        "teacher, 1 step": Sampler(teacher.head, teacher.method, 1),
    }
    for name, (method, k) in STUDENTS.items():
        torch.manual_seed(seed + 1)
        rows[name] = distil(toy, create(method, {"hypotheses": k}), seen, sets[:, :k], noise[:, :k], config)
    torch.manual_seed(seed + 2)
    return judge(toy, rows, config) | {"toy": toy_name, "seed": seed, "config": asdict(config)}


def run_job(job: tuple[str, int, StudyConfig]) -> dict[str, Any]:
    """``run`` for a worker process, which imports this module and not ``__main__``; one thread."""
    torch.set_num_threads(1)
    return run(*job)


def train_teacher(toy: Toy, config: StudyConfig) -> Sampler:
    """Conditional flow matching on fresh demonstrations."""
    std = float(toy.demonstrations(toy.conditions(4096)).std())
    head = ToyHead(toy.horizon, toy.width, toy.condition_size, timed=True, std=std)
    method = create("cfm", {"draws": 1})

    def loss() -> Tensor:
        conditions = toy.conditions(config.teacher_batch)
        return method.loss(head, batch(conditions, toy.demonstrations(conditions)[:, None])).total

    fit(head, loss, config.teacher_steps, config.learning_rate)
    return Sampler(head, method)


def distil(
    toy: Toy, method: Method, conditions: Tensor, sets: Tensor, noise: Tensor, config: StudyConfig
) -> Sampler:
    """One-step student of the teacher's sets."""
    head = ToyHead(toy.horizon, toy.width, toy.condition_size, timed=False, std=1.0)

    def loss() -> Tensor:
        rows = torch.randint(len(sets), (config.student_conditions,))
        return method.loss(head, batch(conditions[rows], sets[rows], noise[rows])).total

    fit(head, loss, config.student_steps, config.learning_rate)
    return Sampler(head, method)


def batch(conditions: Tensor, targets: Tensor, noise: Tensor | None = None) -> Batch:
    """Conditions in the place of embeddings; there are no joints."""
    return Batch(conditions, torch.zeros(len(conditions), 0), targets, noise)


def fit(head: ToyHead, loss: Callable[[], Tensor], steps: int, rate: float) -> None:
    """AdamW with a cosine; the weights of the last fifth are averaged."""
    adam = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps, rate / 100)
    average = torch.optim.swa_utils.AveragedModel(head, multi_avg_fn=_ema)
    for step in range(steps):
        adam.zero_grad(set_to_none=True)
        loss().backward()
        adam.step()
        schedule.step()
        if step >= 4 * steps // 5:
            average.update_parameters(head)
    head.load_state_dict(average.module.state_dict())


_ema = torch.optim.swa_utils.get_ema_multi_avg_fn(0.98)


def judge(toy: Toy, rows: dict[str, Sampler], config: StudyConfig) -> dict[str, Any]:
    """Every sampler on the same new conditions and the same noise; the teacher's second set gives the floor."""
    conditions = toy.conditions(config.judged)
    shape = (config.judged, config.samples, toy.horizon, toy.width)
    noise = torch.randn(shape)
    teacher = rows["teacher, 50 steps"](conditions, torch.randn(shape))
    weights = torch.ones(toy.width)
    results, drawn = {}, {}
    for name, sampler in rows.items():
        samples = sampler(conditions, noise)
        truth, dist = toy.judge(conditions, samples), chamfer(distances(teacher, samples, weights))
        rho = spread(samples, weights) / spread(teacher, weights)
        results[name] = {
            "valid": float(truth.valid.float().mean()),
            "modes": float(hit(truth.valid, truth.mode, toy.modes).float().mean()),
            "scenes_with_every_mode": float(
                (hit(truth.valid, truth.mode, toy.modes) == toy.modes).float().mean()
            ),
            "spread_error": float((rho.mean() - 1).abs()),
            "coverage": float(dist.coverage.mean()),
            "fidelity": float(dist.fidelity.mean()),
        }
        drawn[name] = samples[0].tolist()
    return {"results": results, "condition": conditions[0].tolist(), "drawn": drawn, "modes": toy.modes}


def hit(valid: Tensor, mode: Tensor, modes: int) -> Tensor:
    """(B,) how many modes have a valid sample."""
    return (torch.nn.functional.one_hot(mode, modes).bool() & valid[..., None]).any(1).sum(-1)
