"""Distances between a set of teacher trajectories and a set of hypotheses of the SAME condition.

Everything is per condition, on a (B,K,M) tensor: a minimum across the batch looks right on average and
destroys the spread of each condition.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

EPS = 1e-8  # inside the root: the gradient of a distance of zero is zero, not infinite


def distances(
    targets: Float[Tensor, "b k h d"],
    hypotheses: Float[Tensor, "b m h d"],
    weights: Float[Tensor, " d"],
    decay: Float[Tensor, " h"] | None = None,
    squared: bool = False,
) -> Float[Tensor, "b k m"]:
    """d(A, A') = mean over h of sqrt(sum_d w_d (A - A')^2): unsquared, so distant pairs do not dominate the gradient.

    ``decay`` weights the steps of the mean; ``squared`` omits the root.
    """
    delta = targets[:, :, None] - hypotheses[:, None]  # (B,K,M,H,D)
    steps = (delta.square() * weights).sum(-1)
    steps = steps if squared else (steps + EPS).sqrt()
    return steps.mean(-1) if decay is None else (steps * (decay / decay.sum())).sum(-1)


@dataclass(frozen=True)
class Chamfer:
    """Both terms of Eq. 2, (B,) each: coverage (every teacher trajectory is near a hypothesis) and fidelity."""

    coverage: Tensor
    fidelity: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, (B,)."""
        return self.coverage + self.fidelity


def chamfer(dist: Float[Tensor, "b k m"]) -> Chamfer:
    """The symmetric Chamfer distance of each condition."""
    return Chamfer(dist.amin(2).mean(1), dist.amin(1).mean(1))


def distinct(dist: Float[Tensor, "b k m"]) -> tuple[float, float]:
    """Share of the teacher trajectories that are some hypothesis' nearest, and the reverse; 1 = all different."""
    k, m = dist.shape[1:]
    hit = torch.zeros(len(dist), k).scatter_(1, dist.argmin(1).cpu(), 1.0)
    used = torch.zeros(len(dist), m).scatter_(1, dist.argmin(2).cpu(), 1.0)
    return float(hit.mean()), float(used.mean())


def spread(chunks: Float[Tensor, "b k h d"], weights: Float[Tensor, " d"]) -> Float[Tensor, " b"]:
    """Mean pairwise distance within each set."""
    k = chunks.shape[1]
    if k == 1:
        return torch.zeros(len(chunks))
    return distances(chunks, chunks, weights).sum((1, 2)) / (k * (k - 1))
