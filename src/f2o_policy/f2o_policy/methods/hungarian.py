"""Control: hypotheses assigned one to one to the teacher's trajectories, instead of two nearest-neighbour searches.

The optimal matching keeps frequencies as well as modes, and costs a cubic search for each condition; with as many
hypotheses as trajectories it is the earth mover's distance between the two sets.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from f2o_policy.methods.base import Batch, Head, Loss
from f2o_policy.methods.imle import Imle


class Hungarian(Imle):
    """Student by optimal matching."""

    name = "hungarian"

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Mean distance of the matched pairs; the surplus of a larger set stays unmatched."""
        dist = self.distances(batch.targets, self.draw(head, batch))
        matched = dist.flatten()[match(dist.detach())].mean()
        return Loss(matched, {"matched": float(matched.detach())})


def match(dist: Tensor) -> Tensor:
    """Indices into the flattened (B,K,M) ``dist`` of each condition's optimal pairs."""
    _, k, m = dist.shape
    pairs = [np.stack(linear_sum_assignment(d)) for d in dist.cpu().numpy()]
    flat = np.concatenate([i * k * m + rows * m + columns for i, (rows, columns) in enumerate(pairs)])
    return torch.from_numpy(flat).to(dist.device)
