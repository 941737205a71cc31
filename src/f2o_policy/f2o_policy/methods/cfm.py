"""Conditional flow matching with data prediction: the teacher.

Path x_t = (1-t) x0 + t x1, x0 ~ N(0,I) (Eq. 3); the network predicts x1 (Eq. 4). t = sigmoid(m + s n), n ~ N(0,1):
early, noisy times. With probability p(t) = cap * sigmoid(k (t - 1/2)) a training sample's noisy chunk is
zeroed, so that late times cannot ignore the observation. The cap matters: with cap 1 the network never sees an
unmasked late input in training, but only such inputs when sampling, and every sample falls back to the mean.
"""

from __future__ import annotations

from typing import Literal

import torch
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Count, NotNegative, Probability
from pydantic.dataclasses import dataclass
from torch import Tensor

from f2o_policy.methods.base import Batch, Head, Loss, Method, component_weights, repeat
from f2o_policy.solver import euler


@dataclass(frozen=True, config=STRICT)
class CfmOptions:
    """Distribution of the flow time, mask, solver."""

    time_mean: float = -0.5
    time_std: NotNegative = 1.5
    mask_cap: Probability = 0.2
    mask_slope: float = 20.0
    steps: Count = 50
    spacing: Literal["uniform", "exponential"] = "uniform"
    """Of the steps; exponential: short first steps become shorter ones (PointFlowMatch)."""
    draws: Count = 4  # (noise, time) pairs per observation and step: the encoder runs once for all of them
    gripper_weight: NotNegative = 1.0  # of its column in the squared error


class Cfm(Method):
    """Teacher: squared error of the predicted clean chunk; Euler in convex form."""

    name = "cfm"
    kind = "teacher"
    options_class = CfmOptions
    options: CfmOptions

    def times(self, normal: Tensor) -> Tensor:
        """Standard normal numbers -> logit-normal times in (0,1)."""
        n = normal * self.options.time_std + self.options.time_mean
        return n.sigmoid().clamp(1e-4, 1 - 1e-4)

    def mask_probability(self, t: Tensor) -> Tensor:
        """(B,) -> (B,): chance that a training sample at time t loses its noisy chunk."""
        return self.options.mask_cap * torch.sigmoid(self.options.mask_slope * (t - 0.5))

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Mean squared error of x1, over ``draws`` independent (noise, time) pairs per observation."""
        draws = self.options.draws
        x1 = repeat(batch.targets[:, 0], draws)
        t = self.times(batch.normal(len(x1)))
        x0 = batch.normal(*x1.shape)
        keep = (batch.uniform(len(x1)) >= self.mask_probability(t)).to(x1)
        xt = (1 - t)[:, None, None] * x0 + t[:, None, None] * x1
        prediction = head(
            xt * keep[:, None, None], repeat(batch.embedding, draws), repeat(batch.proprio, draws), t
        )
        weights = component_weights(x1.shape[-1], self.options.gripper_weight).to(x1)
        error = ((prediction.float() - x1).square() * weights).mean((1, 2))
        early = t < 0.25
        return Loss(error.mean(), {"early": _mean(error, early), "late": _mean(error, ~early)})

    def sample(
        self, head: Head, noise: Tensor, embedding: Tensor, proprio: Tensor, steps: int | None = None
    ) -> Tensor:
        """Euler from t = 0; x <- a x + (1-a) x1_hat with a = (1-t')/(1-t): a small 1-t is never a divisor alone.

        The last step lands on the network's output; t = 1 is never evaluated. ``steps = 1`` is the one-step teacher.
        """
        x = noise
        for t, keep in euler(steps or self.options.steps, self.options.spacing):
            at = torch.full((len(x),), t, dtype=x.dtype, device=x.device)
            clean = head(x, embedding, proprio, at).to(x)
            x = keep * x + (1 - keep) * clean
        return x


def _mean(error: Tensor, where: Tensor) -> float:
    return float(error.detach()[where].mean()) if bool(where.any()) else float("nan")
