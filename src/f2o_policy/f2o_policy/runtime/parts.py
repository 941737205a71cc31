"""The two halves of the network as modules that take plain tensors, for tracing and exporting."""

from __future__ import annotations

import numpy as np
from f2o_perception.frames import Observation
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
    """``(x (M,H,D), embedding (1,E), proprio (1,P)[, t (1,)]) -> (M,H,D)``; one observation, M noises."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, embedding: Tensor, proprio: Tensor, t: Tensor | None = None) -> Tensor:
        """The normalised chunk of every noise."""
        many = x.shape[0]
        time = None if t is None else t.expand(many)
        return self.network.head(x, embedding.expand(many, -1), proprio.expand(many, -1), time)


def build_network(checkpoint: Checkpoint) -> PolicyNetwork:
    """The checkpoint's network with its weights, in evaluation mode."""
    return checkpoint.build_network().eval()


def observation_tensors(observation: Observation, checkpoint: Checkpoint) -> tuple[np.ndarray, ...]:
    """``EmbedPart``'s inputs: the checkpoint takes every n-th of the cloud's points, as training did."""
    stride = max(len(observation.points) // checkpoint.points, 1)
    points = observation.points[::stride][: checkpoint.points]
    depth = observation.depth_mm.astype(np.float32)
    return observation.rgb[None], depth[None], np.ascontiguousarray(points, np.float32)[None]
