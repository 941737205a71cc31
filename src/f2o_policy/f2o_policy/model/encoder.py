"""The visual and geometric half of the network: everything that is computed at camera rate."""

from __future__ import annotations

import torch
from torch import nn

from f2o_policy.model.config import ModelConfig
from f2o_policy.model.fusion import Fused, GatedFusion
from f2o_policy.model.trunk import ResNet18


class PointNet(nn.Module):
    """(B,P,3) normalised points -> (B,out): a shared MLP, the maximum over points, a linear layer."""

    def __init__(self, widths: tuple[int, ...], out: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *widths[:-1]), widths, strict=True):
            layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU()]
        self.shared = nn.Sequential(*layers)
        self.out = nn.Linear(widths[-1], out)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.out(self.shared(points).amax(1))


class VisualEncoder(nn.Module):
    """Views of colour (B,V,3,S,S) and depth (B,V,1,S,S) -> Fused: feature (B,visual_dim), gate (B,2)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.token_dim
        self.colour = ResNet18(3, config.trunk_width, config.stem_pool)
        self.depth = ResNet18(1, config.trunk_width, config.stem_pool)
        self.project_colour = nn.Linear(self.colour.out_dim, dim)
        self.project_depth = nn.Linear(self.depth.out_dim, dim)
        cells = (config.image_size // (32 if config.stem_pool else 16)) ** 2
        self.position = nn.Parameter(0.02 * torch.randn(1, 1, cells, dim))
        self.view = nn.Parameter(0.02 * torch.randn(1, config.views, 1, dim))
        self.fusion = GatedFusion(
            dim, config.attention_heads, config.pool_queries, config.visual_dim, config.modality_dropout
        )

    def _tokens(self, trunk: nn.Module, project: nn.Module, images: torch.Tensor) -> torch.Tensor:
        batch, views = images.shape[:2]
        tokens = project(trunk(images.flatten(0, 1)))  # (B*V,T,d); views share one pass of the trunk
        tokens = tokens.unflatten(0, (batch, views)) + self.position + self.view
        return tokens.flatten(1, 2)  # (B,V*T,d)

    def forward(self, colour: torch.Tensor, depth: torch.Tensor) -> Fused:
        """See the class."""
        return self.fusion(
            self._tokens(self.colour, self.project_colour, colour),
            self._tokens(self.depth, self.project_depth, depth),
        )
