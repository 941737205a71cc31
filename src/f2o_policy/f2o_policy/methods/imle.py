"""The one-step student of the paper: M hypotheses an observation, symmetric Chamfer distance to the teacher's set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from f2o_policy.methods.base import Batch, Head, Loss, Method, repeat
from f2o_policy.methods.chamfer import Chamfer, chamfer, distances, distinct, spread


@dataclass(frozen=True)
class ImleOptions:
    """Hypotheses an observation, and the weight of the gripper in the matching."""

    hypotheses: int = 16
    gripper_weight: float = 0.3  # small: the fingers must not decide which trajectories belong together

    def check(self) -> list[str]:
        """Messages of wrong values."""
        return [] if self.hypotheses >= 2 else [f"hypotheses: expected >= 2, got {self.hypotheses}"]


class Imle(Method):
    """Student: one pass from noise to chunk."""

    name = "imle"
    kind = "student"
    options_class = ImleOptions
    options: ImleOptions

    def objective(self, terms: Chamfer) -> Tensor:
        """What is minimised of the two terms, (B,); controls keep only one of them."""
        return terms.total

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Coverage + fidelity per condition; the noise is drawn anew every step and differs between hypotheses."""
        targets, m = batch.targets, self.options.hypotheses
        noise = torch.randn(len(targets) * m, *targets.shape[2:]).to(targets)
        chunks = head(noise, repeat(batch.embedding, m), repeat(batch.proprio, m)).float()
        hypotheses = chunks.unflatten(0, (-1, m))
        weights = component_weights(targets.shape[-1], self.options.gripper_weight).to(targets)
        dist = distances(targets, hypotheses, weights)
        terms = chamfer(dist)
        with torch.no_grad():
            hit, used = distinct(dist)
            ratio = spread(hypotheses, weights).mean() / spread(targets, weights).mean().clamp_min(1e-6)
        log = {
            "coverage": float(terms.coverage.detach().mean()),
            "fidelity": float(terms.fidelity.detach().mean()),
            "teacher_hit": hit,
            "student_used": used,
            "spread_ratio": float(ratio),
        }
        return Loss(self.objective(terms).mean(), log)

    def sample(
        self, head: Head, noise: Tensor, embedding: Tensor, proprio: Tensor, steps: int | None = None
    ) -> Tensor:
        """One pass; ``steps`` has no meaning here and may only be 1."""
        return one_pass(head, noise, embedding, proprio, steps)


def component_weights(dims: int, gripper_weight: float) -> Tensor:
    """(D,) ones, the last (the gripper) ``gripper_weight``."""
    weights = torch.ones(dims)
    weights[-1] = gripper_weight
    return weights


def one_pass(head: Head, noise: Tensor, embedding: Tensor, proprio: Tensor, steps: int | None) -> Tensor:
    """The sampler of every one-step student."""
    if steps not in (None, 1):
        raise ValueError(f"a one-step student has no time to divide: steps must be 1, got {steps}")
    return head(noise, embedding, proprio)
