"""The one-step student of the paper: M hypotheses per observation, symmetric Chamfer distance to the teacher's set."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import NotNegative, Share
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from f2o_policy.methods.base import Batch, Head, Loss, Method, component_weights, hypotheses
from f2o_policy.methods.chamfer import Chamfer, chamfer, distances, distinct, spread


@dataclass(frozen=True, config=STRICT)
class ImleOptions:
    """Hypotheses per observation, and the weight of the gripper in the matching."""

    hypotheses: Annotated[int, Field(ge=2)] = 16
    gripper_weight: NotNegative = 0.3  # small: the fingers must not decide which trajectories belong together
    distance: Literal["l2", "squared"] = (
        "l2"  # l2: unsquared, mean over time; squared: distant pairs dominate
    )
    time_decay: Share = (
        1.0  # weight of a step relative to the one before: below 1 the near future counts more
    )
    rows_at_once: Annotated[int, Field(ge=0)] = 0
    """Sequences through the network at a time; 0 = all, faster but M times the memory."""


class Imle(Method):
    """Student: one forward pass from noise to chunk."""

    name = "imle"
    kind = "student"
    options_class = ImleOptions
    options: ImleOptions

    def objective(self, terms: Chamfer) -> Tensor:
        """What is minimised of the two terms, (B,); controls keep only one of them."""
        return terms.total

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Coverage + fidelity per condition; the noise is drawn anew every step and differs between hypotheses."""
        drawn = self.draw(head, batch)
        return self.of_distances(self.distances(batch.targets, drawn), drawn, batch.targets)

    def of_distances(self, dist: Tensor, drawn: Tensor, targets: Tensor) -> Loss:
        """The loss of distances (B,K,M) between a set and the hypotheses drawn."""
        terms = chamfer(dist)
        with torch.no_grad():
            hit, used = distinct(dist)
            weights = self.weights(drawn)
            ratio = spread(drawn, weights).mean() / spread(targets, weights).mean().clamp_min(1e-6)
        log = {
            "coverage": float(terms.coverage.detach().mean()),
            "fidelity": float(terms.fidelity.detach().mean()),
            "teacher_hit": hit,
            "student_used": used,
            "spread_ratio": float(ratio),
        }
        return Loss(self.objective(terms).mean(), log)

    def draw(self, head: Head, batch: Batch) -> Tensor:
        """(B,M,H,D) hypotheses from fresh noise."""
        b, m = len(batch.targets), self.options.hypotheses
        noise = batch.normal(b, m, *batch.targets.shape[2:])
        return hypotheses(head, noise, batch, self.options.rows_at_once)

    def weights(self, like: Tensor) -> Tensor:
        """(D,) weights of the components, on the device of ``like``."""
        return component_weights(like.shape[-1], self.options.gripper_weight).to(like)

    def distances(self, targets: Tensor, drawn: Tensor) -> Tensor:
        """(B,K,M) in the distance of the options."""
        decay = self.options.time_decay ** torch.arange(targets.shape[2], device=targets.device)
        return distances(
            targets, drawn, self.weights(drawn), decay, squared=self.options.distance == "squared"
        )

    def sample(
        self, head: Head, noise: Tensor, embedding: Tensor, proprio: Tensor, steps: int | None = None
    ) -> Tensor:
        """One forward pass; ``steps`` has no meaning here and may only be 1."""
        return sample_one_step(head, noise, embedding, proprio, steps)


def sample_one_step(
    head: Head, noise: Tensor, embedding: Tensor, proprio: Tensor, steps: int | None
) -> Tensor:
    """The sampler of every one-step student.

    Raises:
        ValueError: ``steps`` is neither None nor 1.
    """
    if steps not in (None, 1):
        raise ValueError(f"a one-step student has no time to divide: steps must be 1, got {steps}")
    return head(noise, embedding, proprio)
