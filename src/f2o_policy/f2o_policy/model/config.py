"""Sizes of the network: config/policy_small.yaml and config/policy_paper.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from f2o_nodekit.config import STRICT, rules
from f2o_nodekit.fields import DIFFERENT, Count, Positive, must
from pydantic import Field
from pydantic.dataclasses import dataclass

Modalities = Annotated[tuple[Literal["colour", "depth", "points"], ...], DIFFERENT]


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """Shapes and widths; the defaults are ``config/policy_small.yaml``, made for two CPU cores."""

    modalities: Modalities = ("colour", "depth", "points")  # inputs besides the joint state
    fusion: Literal["gated", "attention", "concat"] = "gated"
    """Of colour and depth: cross attention and a gate, attention alone, or neither."""
    history: Count = 1  # instants in the input, the newest last
    views: Count = 3
    image_size: Count = 64
    points: Count = 512  # every n-th of the observation's 4096
    horizon: Count = 16
    action_dim: Count = 8
    trunk_width: Annotated[int, Field(gt=0, multiple_of=8)] = 16
    """Base width of both ResNet-18 trunks (64 in the paper's size)."""
    stem_pool: bool = False  # max pooling after the stem; off keeps 4 x 4 tokens of a 64 px view
    token_dim: Count = 128
    attention_heads: Count = 4
    pool_queries: Count = 8
    visual_dim: Count = 192
    modality_dropout: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    depth_range_m: Positive = 2.0
    point_widths: tuple[Count, ...] = (64, 128, 256)
    point_dim: Count = 128
    proprio_dim: Count = 64
    unet_widths: tuple[Count, ...] = (64, 128, 256)
    unet_blocks: Count = 1  # residual blocks per level (2 in the paper's size)
    kernel: Annotated[int, must(lambda size: size % 2 == 1, "an odd number")] = 5
    groups: Count = 8
    step_dim: Count = 128  # width of the teacher's time embedding

    @property
    def embedding_dim(self) -> int:
        """Width E of the cached embedding: of every instant of the history, the oldest first."""
        return self.history * self.frame_dim

    @property
    def frame_dim(self) -> int:
        """Width of the embedding of one observation: fused views, then points."""
        visual = self.visual_dim if {"colour", "depth"} & set(self.modalities) else 0
        return visual + (self.point_dim if "points" in self.modalities else 0)

    @rules
    def _multiples(self) -> Iterator[str]:
        """The time axis can be halved at each level; groups and heads divide their widths."""
        factor, cell = 2 ** (len(self.unet_widths) - 1), 32 if self.stem_pool else 16
        if self.horizon % factor:
            yield f"horizon: expected a multiple of {factor}, got {self.horizon}"
        if any(width % self.groups for width in self.unet_widths):
            yield f"unet_widths: expected multiples of groups = {self.groups}, got {list(self.unet_widths)}"
        if self.image_size % cell:
            yield f"image_size: expected a multiple of {cell}, got {self.image_size}"
        if self.token_dim % self.attention_heads:
            heads = f"attention_heads = {self.attention_heads}"
            yield f"token_dim: expected a multiple of {heads}, got {self.token_dim}"
