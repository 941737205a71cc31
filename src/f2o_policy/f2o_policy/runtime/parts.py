"""The two parts of the network as modules with plain tensor inputs, for tracing and exporting."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from f2o_policy.checkpoint import Checkpoint
from f2o_policy.model.network import PolicyNetwork


class EmbedPart(nn.Module):
    """``(rgb (1,V,S,S,3) u8, depth (1,V,S,S) f32 [mm], points (1,P,3) f32 [m]) -> (1, F)``."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor, depth: Tensor, points: Tensor) -> Tensor:
        """The visual and point embedding."""
        return self.network.embed(rgb, depth, points)


class HeadPart(nn.Module):
    """``(x (M,H,D), embedding (1,E), proprio (1,P)[, t (1,)]) -> (M,H,D)``: one observation, M noises."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, embedding: Tensor, proprio: Tensor, t: Tensor | None = None) -> Tensor:
        """The normalised chunk of every noise.

        The condition stays one row, which every layer broadcasts: to compute it for each noise is a sixth of the work.
        """
        return self.network.head(x, embedding, proprio, t)


def example_inputs(checkpoint: Checkpoint, hypotheses: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Zeros in the shapes of the inputs of ``EmbedPart`` and ``HeadPart``; a teacher's head has a time as well."""
    spec, size = checkpoint.spec, checkpoint.image_size
    views = len(spec.views)
    embed = (
        torch.zeros(1, views, size, size, 3, dtype=torch.uint8),
        torch.zeros(1, views, size, size),
        torch.zeros(1, spec.points, 3),
    )
    head = (
        torch.zeros(hypotheses, spec.horizon, spec.action_size),
        torch.zeros(1, spec.embedding_size),
        torch.zeros(1, spec.history * spec.joint_size),
    )
    return embed, head if checkpoint.kind == "student" else (*head, torch.zeros(1))
