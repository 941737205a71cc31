"""The temporal U-Net of teacher and student; the teacher's has time modules, the student's has none.

FiLM is linear in its condition, so the teacher's "concatenate time and observation" is written as the sum of two
linear maps. The student is the same network without the second map and without the time MLP; every other parameter has
the same name and shape, so that the student is initialised by copying the teacher's weights.
"""

from __future__ import annotations

import math

import torch
from torch import nn


class StepEmbedding(nn.Module):
    """(B,) flow time in [0,1] -> (B,dim): sinusoids of 20 t through an MLP. Teacher only."""

    rates: torch.Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        half = dim // 2
        rates = torch.exp(-math.log(10_000.0) * torch.arange(half) / (half - 1))
        self.register_buffer("rates", rates, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.Mish(), nn.Linear(4 * dim, dim))

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        """See the class."""
        phase = 20.0 * t[:, None].float() * self.rates
        return self.mlp(torch.cat([phase.sin(), phase.cos()], -1))


class ConvBlock(nn.Sequential):
    """(B,i,H) -> (B,o,H): convolution over time, group normalisation, Mish."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int) -> None:
        super().__init__(
            nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2), nn.GroupNorm(groups, outputs), nn.Mish()
        )


class Film(nn.Module):
    """Scale and bias of C channels from the condition, and from the flow time if ``step_dim`` is not zero."""

    def __init__(self, condition_dim: int, step_dim: int, channels: int) -> None:
        super().__init__()
        self.condition = nn.Linear(condition_dim, 2 * channels)
        self.step = nn.Linear(step_dim, 2 * channels, bias=False) if step_dim else None
        # Identity at the start: scale 1, bias 0.
        nn.init.normal_(self.condition.weight, std=0.02)
        nn.init.zeros_(self.condition.bias)

    def forward(self, y: torch.Tensor, condition: torch.Tensor, step: torch.Tensor | None) -> torch.Tensor:
        """(B,C,H) -> (B,C,H)."""
        film = self.condition(condition)
        if self.step is not None:
            film = film + self.step(step)
        scale, bias = film.unsqueeze(-1).chunk(2, dim=1)
        return y * (1.0 + scale) + bias


class ResidualBlock(nn.Module):
    """Two convolution blocks with FiLM between them, and a shortcut."""

    def __init__(
        self, inputs: int, outputs: int, condition_dim: int, step_dim: int, kernel: int, groups: int
    ) -> None:
        super().__init__()
        self.first = ConvBlock(inputs, outputs, kernel, groups)
        self.film = Film(condition_dim, step_dim, outputs)
        self.second = ConvBlock(outputs, outputs, kernel, groups)
        self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, condition: torch.Tensor, step: torch.Tensor | None) -> torch.Tensor:
        """(B,inputs,H) -> (B,outputs,H)."""
        return self.second(self.film(self.first(x), condition, step)) + self.shortcut(x)


class Level(nn.ModuleList):
    """Blocks of one width, one after the other."""

    def forward(self, y: torch.Tensor, condition: torch.Tensor, step: torch.Tensor | None) -> torch.Tensor:
        """As of each block."""
        for block in self:
            y = block(y, condition, step)
        return y


class TemporalUNet(nn.Module):
    """(B,H,D) noisy chunk or noise, (B,C) condition[, (B,) time] -> (B,H,D)."""

    def __init__(
        self,
        action_dim: int,
        condition_dim: int,
        widths: tuple[int, ...],
        blocks: int = 2,
        kernel: int = 5,
        groups: int = 8,
        step_dim: int = 0,
    ) -> None:
        super().__init__()

        def level(inputs: int, outputs: int) -> Level:
            ins = [inputs, *[outputs] * (blocks - 1)]
            return Level(ResidualBlock(i, outputs, condition_dim, step_dim, kernel, groups) for i in ins)

        self.step = StepEmbedding(step_dim) if step_dim else None
        ins = (action_dim, *widths[:-1])
        self.down = nn.ModuleList(level(i, o) for i, o in zip(ins, widths, strict=True))
        self.shrink = nn.ModuleList(nn.Conv1d(w, w, 3, 2, 1) for w in widths[:-1])
        self.middle = level(widths[-1], widths[-1])
        pairs = list(zip(widths[-2::-1], widths[:0:-1], strict=True))  # (narrow, wide), from the bottom up
        self.up = nn.ModuleList(level(2 * wide, narrow) for narrow, wide in pairs)
        self.grow = nn.ModuleList(nn.ConvTranspose1d(n, n, 4, 2, 1) for n, _ in pairs)
        self.last = ConvBlock(widths[0], widths[0], kernel, groups)
        self.out = nn.Conv1d(widths[0], action_dim, 1)

    def forward(
        self, x: torch.Tensor, condition: torch.Tensor, t: torch.Tensor | None = None
    ) -> torch.Tensor:
        """See the class; the student's network has no ``step`` and takes no time."""
        step = self.step(t) if self.step is not None else None
        y, skips = x.transpose(1, 2), []
        for i, blocks in enumerate(self.down):
            y = blocks(y, condition, step)
            skips.append(y)
            y = self.shrink[i](y) if i < len(self.shrink) else y
        y = self.middle(y, condition, step)
        for blocks, grow in zip(self.up, self.grow, strict=True):
            y = grow(blocks(torch.cat([y, skips.pop()], 1), condition, step))
        y = self.last(y).float()
        with torch.autocast(y.device.type, enabled=False):  # bfloat16 here would round targets to some 2 mrad
            return self.out(y).transpose(1, 2)
