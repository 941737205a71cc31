"""Control: regression of each noise to the trajectory that the teacher integrated from that very noise.

One forward pass learns the teacher's whole map from noise to data (knowledge distillation of the ODE). It needs the
source noise of every trajectory, which the sets keep, and a student sharp enough to bend where the map does.
"""

from __future__ import annotations

import torch

from f2o_policy.methods.base import Batch, Head, Loss, hypotheses
from f2o_policy.methods.mse import Mse


class Paired(Mse):
    """Student by paired-noise regression; ``hypotheses`` is the number of pairs per observation and step."""

    name = "paired"

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Squared error to the trajectory of the same noise, over ``hypotheses`` random members of each set.

        Raises:
            ValueError: the batch has no source noise.
        """
        if batch.noise is None:
            raise ValueError("paired regression needs the source noise of every trajectory")
        b, k = batch.targets.shape[:2]
        m = min(self.options.hypotheses, k)
        pick = batch.uniform(b, k).argsort(1)[:, :m]
        rows = torch.arange(b, device=pick.device)[:, None]
        drawn = hypotheses(head, batch.noise[rows, pick], batch, self.options.rows_at_once)
        error = (drawn - batch.targets[rows, pick]).square().mean()
        return Loss(error, {"mse": float(error.detach())})
