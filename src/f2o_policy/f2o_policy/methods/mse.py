"""Unpaired regression to the teacher's samples: what the Chamfer loss is compared with.

Each hypothesis is regressed to a random trajectory of the set, whatever its noise: the best answer is the mean of
the set, so the modes collapse into their average.
"""

from __future__ import annotations

from typing import Annotated

import torch
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Count
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from f2o_policy.methods.base import Batch, Head, Loss, Method, hypotheses
from f2o_policy.methods.imle import sample_one_step


@dataclass(frozen=True, config=STRICT)
class MseOptions:
    """Hypotheses per observation and step: as many forward passes as the Chamfer student gets."""

    hypotheses: Count = 16
    rows_at_once: Annotated[int, Field(ge=0)] = 0
    """Sequences through the network at a time; 0 = all, faster but M times the memory."""


class Mse(Method):
    """Student by mean squared error, unpaired."""

    name = "mse"
    kind = "student"
    options_class = MseOptions
    options: MseOptions

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Squared error to a random member of the set."""
        targets, m = batch.targets, self.options.hypotheses
        b, k = targets.shape[:2]
        pick = (batch.uniform(b, m) * k).long()
        wanted = targets[torch.arange(b, device=pick.device)[:, None], pick]
        drawn = hypotheses(head, batch.normal(b, m, *targets.shape[2:]), batch, self.options.rows_at_once)
        error = (drawn - wanted).square().mean()
        return Loss(error, {"mse": float(error.detach())})

    def sample(
        self, head: Head, noise: Tensor, embedding: Tensor, proprio: Tensor, steps: int | None = None
    ) -> Tensor:
        """One forward pass."""
        return sample_one_step(head, noise, embedding, proprio, steps)
