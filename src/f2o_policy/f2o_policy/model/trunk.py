"""ResNet-18 with group normalisation: images to tokens.

Group instead of batch normalisation, because averaged (EMA) weights and repeated conditions distort batch statistics.
"""

from __future__ import annotations

import torch
from torch import nn


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // 16), channels)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = _norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = _norm(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), _norm(outputs))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N,inputs,h,w) -> (N,outputs,h/stride,w/stride)."""
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    """(N,C,S,S) -> (N,T,8*width) tokens, T = (S/32)^2, or (S/16)^2 without the stem's pooling."""

    def __init__(self, channels: int, width: int, pool: bool) -> None:
        super().__init__()
        stem = [nn.Conv2d(channels, width, 7, 2, 3, bias=False), _norm(width), nn.ReLU()]
        self.stem = nn.Sequential(*stem, *([nn.MaxPool2d(3, 2, 1)] if pool else []))
        widths = [width, 2 * width, 4 * width, 8 * width]
        blocks, inputs = [], width
        for level, outputs in enumerate(widths):
            blocks += [
                BasicBlock(inputs, outputs, 1 if level == 0 else 2),
                BasicBlock(outputs, outputs, 1),
            ]
            inputs = outputs
        self.body = nn.Sequential(*blocks)
        self.out_dim = widths[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.body(self.stem(x)).flatten(2).transpose(1, 2)
