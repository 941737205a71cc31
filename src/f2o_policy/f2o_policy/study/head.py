"""A multilayer perceptron in the place of the U-Net, with the same signature."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class ToyHead(nn.Module):
    """(B,H,D) noise or noisy chunk, (B,E) condition, ignored joints[, (B,) time] -> (B,H,D)."""

    def __init__(self, horizon: int, width: int, condition_size: int, timed: bool, std: float) -> None:
        super().__init__()
        self.timed, self.std = timed, std
        size = horizon * width
        rates = 2.0 ** torch.arange(8) * torch.pi / 4 if timed else torch.zeros(0)
        self.register_buffer("rates", rates)
        widths = (size + condition_size + 2 * len(rates), 192, 192, 192)
        layers = [m for i, o in itertools.pairwise(widths) for m in (nn.Linear(i, o), nn.Mish())]
        self.net = nn.Sequential(*layers, nn.Linear(widths[-1], size))

    def forward(self, x: Tensor, embedding: Tensor, proprio: Tensor, t: Tensor | None = None) -> Tensor:
        """See the class; a teacher's input is scaled to unit variance at every time."""
        parts = [x.flatten(1), embedding]
        if self.timed:
            assert t is not None
            parts[0] = parts[0] * (self.std**2 * t**2 + (1 - t) ** 2).rsqrt()[:, None]
            phase = t[:, None] * self.rates
            parts += [phase.sin(), phase.cos()]
        return self.net(torch.cat(parts, -1)).reshape(x.shape)
