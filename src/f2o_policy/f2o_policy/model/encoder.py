"""The part of the network that is computed at camera rate: images and points."""

from __future__ import annotations

import torch
from torch import nn

from f2o_policy.model.config import ModelConfig
from f2o_policy.model.fusion import Fused, GatedFusion, PlainFusion, QueryPool
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
    """Views of colour (B,V,3,S,S) and depth (B,V,1,S,S) -> Fused: feature (B,visual_dim), gate (B,2).

    With only one modality its tokens are pooled and the other's images are ignored.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.token_dim
        self.modalities = [m for m in ("colour", "depth") if m in config.modalities]
        for name in self.modalities:
            trunk = ResNet18(3 if name == "colour" else 1, config.trunk_width, config.stem_pool)
            self.add_module(name, trunk)
            self.add_module(f"project_{name}", nn.Linear(trunk.out_dim, dim))
        cells = (config.image_size // (32 if config.stem_pool else 16)) ** 2
        self.position = nn.Parameter(0.02 * torch.randn(1, 1, cells, dim))
        self.view = nn.Parameter(0.02 * torch.randn(1, config.views, 1, dim))
        self.fusion = _fusion(config) if len(self.modalities) == 2 else None
        self.pool = None if self.fusion else QueryPool(*_pooling(config))

    def _tokens(self, name: str, images: torch.Tensor) -> torch.Tensor:
        batch, views = images.shape[:2]
        trunk, project = self.get_submodule(name), self.get_submodule(f"project_{name}")
        tokens = project(trunk(images.flatten(0, 1)))  # (B*V,T,d); views share one forward pass of the trunk
        tokens = tokens.unflatten(0, (batch, views)) + self.position + self.view
        return tokens.flatten(1, 2)  # (B,V*T,d)

    def forward(self, colour: torch.Tensor, depth: torch.Tensor) -> Fused:
        """See the class."""
        images = {"colour": colour, "depth": depth}
        tokens = [self._tokens(name, images[name]) for name in self.modalities]
        if self.fusion is not None:
            return self.fusion(*tokens)
        assert self.pool is not None
        feature = self.pool(tokens[0])
        alone = [float(name in self.modalities) for name in images]
        return Fused(feature, feature.new_tensor(alone).expand(len(feature), 2))


def _pooling(config: ModelConfig) -> tuple[int, int, int, int]:
    return config.token_dim, config.attention_heads, config.pool_queries, config.visual_dim


def _fusion(config: ModelConfig) -> nn.Module:
    if config.fusion == "gated":
        return GatedFusion(*_pooling(config), config.modality_dropout)
    return PlainFusion(*_pooling(config), attend=config.fusion == "attention")
