"""A multilayer perceptron in the place of the U-Net, with the same signature."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

WIDTHS = (192, 192, 192)
WAVES = 3  # sines and cosines of each input coordinate: without them the borders between modes stay blurred


class ToyHead(nn.Module):
    """(B,H,D) noise or noisy chunk, (B,E) condition, ignored joints[, (B,) time] -> (B,H,D)."""

    def __init__(self, horizon: int, width: int, condition_size: int, timed: bool, std: float) -> None:
        super().__init__()
        self.timed, self.std = timed, std
        size = horizon * width
        self.register_buffer("waves", 2.0 ** torch.arange(WAVES) * torch.pi / 4)
        self.register_buffer("rates", 2.0 ** torch.arange(8 if timed else 0) * torch.pi / 4)
        inputs = (size + condition_size) * (1 + 2 * WAVES) + 2 * len(self.rates)
        layers = [m for i, o in itertools.pairwise((inputs, *WIDTHS)) for m in (nn.Linear(i, o), nn.ReLU())]
        self.net = nn.Sequential(*layers, nn.Linear(WIDTHS[-1], size))

    def forward(self, x: Tensor, embedding: Tensor, proprio: Tensor, t: Tensor | None = None) -> Tensor:
        """See the class; a teacher's input is scaled to unit variance at every time."""
        y = x.flatten(1)
        if self.timed:
            assert t is not None
            y = y * (self.std**2 * t**2 + (1 - t) ** 2).rsqrt()[:, None]
        values = torch.cat([y, embedding], -1)
        angles = (values[..., None] * self.waves).flatten(1)
        if self.timed:
            assert t is not None
            angles = torch.cat([angles, t[:, None] * self.rates], -1)
        return self.net(torch.cat([values, angles.sin(), angles.cos()], -1)).reshape(x.shape)
