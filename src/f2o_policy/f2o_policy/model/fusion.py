"""Symmetric cross attention between colour and depth tokens, learned-query pooling, and the modality gate.

``GatedFusion`` is the paper's; ``PlainFusion`` holds the two simpler rows of its ablation, with and without attention.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head attention of queries (B,Q,d) over tokens (B,N,d), without the residual."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_norm, self.token_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.out = nn.Linear(dim, dim)

    def _split(self, x: torch.Tensor) -> torch.Tensor:  # (B,N,d) -> (B,heads,N,d/heads)
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, queries: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """(B,Q,d), (B,N,d) -> (B,Q,d)."""
        q, kv = self.query_norm(queries), self.token_norm(tokens)
        y = functional.scaled_dot_product_attention(
            self._split(self.query(q)), self._split(self.key(kv)), self._split(self.value(kv))
        )
        return self.out(y.transpose(1, 2).flatten(2))


class QueryPool(nn.Module):
    """(B,N,d) -> (B,out): learned queries attend to the tokens.

    A mean over tokens loses positions; each query is a soft arg-max over positions and views.
    """

    def __init__(self, dim: int, heads: int, queries: int, out: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, queries, dim))
        self.attention = Attention(dim, heads)
        self.out = nn.Sequential(nn.LayerNorm(queries * dim), nn.Linear(queries * dim, out))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """See the class."""
        pooled = self.attention(self.queries.expand(tokens.shape[0], -1, -1), tokens)
        return self.out(pooled.flatten(1))


class Fused(NamedTuple):
    """Output of the fusion: feature (B,out); gate (B,2), the weights of colour and depth, summing to one."""

    feature: torch.Tensor
    gate: torch.Tensor


class GatedFusion(nn.Module):
    """Equations 5 and 6, then a two-way softmax gate over the pooled modalities.

    In training each sample loses one modality with probability ``dropout``, so that the gate cannot rely on one.
    """

    def __init__(self, dim: int, heads: int, queries: int, out: int, dropout: float) -> None:
        super().__init__()
        self.colour_from_depth = Attention(dim, heads)
        self.depth_from_colour = Attention(dim, heads)
        self.pool_colour = QueryPool(dim, heads, queries, out)
        self.pool_depth = QueryPool(dim, heads, queries, out)
        self.gate = nn.Sequential(nn.Linear(2 * out, 64), nn.Mish(), nn.Linear(64, 2))
        self.dropout = dropout

    def forward(self, colour: torch.Tensor, depth: torch.Tensor) -> Fused:
        """Tokens of both modalities, (B,N,d) each -> Fused."""
        fused_colour = colour + self.colour_from_depth(colour, depth)
        fused_depth = depth + self.depth_from_colour(depth, colour)
        c, d = self.pool_colour(fused_colour), self.pool_depth(fused_depth)
        logits = self.gate(torch.cat([c, d], -1)).float()
        if self.training and self.dropout > 0:
            logits = logits.masked_fill(_dropped(logits, self.dropout), -1e4)
        gate = logits.softmax(-1)
        return Fused(gate[:, :1] * c + gate[:, 1:] * d, gate)


class PlainFusion(nn.Module):
    """Pooled colour and depth through one linear layer; with ``attend`` after equations 5 and 6. There is no gate."""

    def __init__(self, dim: int, heads: int, queries: int, out: int, attend: bool) -> None:
        super().__init__()
        self.colour_from_depth = Attention(dim, heads) if attend else None
        self.depth_from_colour = Attention(dim, heads) if attend else None
        self.pool_colour = QueryPool(dim, heads, queries, out)
        self.pool_depth = QueryPool(dim, heads, queries, out)
        self.mix = nn.Linear(2 * out, out)

    def forward(self, colour: torch.Tensor, depth: torch.Tensor) -> Fused:
        """As ``GatedFusion``; the gate is a constant one half."""
        if self.colour_from_depth is not None and self.depth_from_colour is not None:
            fused = colour + self.colour_from_depth(colour, depth)
            colour, depth = fused, depth + self.depth_from_colour(depth, colour)
        feature = self.mix(torch.cat([self.pool_colour(colour), self.pool_depth(depth)], -1))
        return Fused(feature, torch.full_like(feature[:, :2], 0.5))


def _dropped(logits: torch.Tensor, probability: float) -> torch.Tensor:
    """(B,2) bool: at most one modality of a sample is dropped, colour and depth equally often."""
    u = torch.rand_like(logits[:, :1])
    return torch.cat([u < probability / 2, u > 1 - probability / 2], 1)


def gate_entropy(gate: torch.Tensor) -> torch.Tensor:
    """Mean entropy of the gate in units of log 2: 1 = equal weights of both modalities, 0 = one is ignored."""
    g = gate.clamp_min(1e-8)
    return -(g * g.log()).sum(-1).mean() / torch.log(torch.tensor(2.0))
