"""Sizes of the network; the small and the paper's size are two files of the same keys."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelConfig:
    """Shapes and widths; the defaults are ``config/policy_small.yaml``, made for two CPU cores."""

    views: int = 3
    image_size: int = 64
    points: int = 512  # used of the observation's 4096: every n-th
    horizon: int = 16
    action_dim: int = 8
    trunk_width: int = 16  # base width of both ResNet-18 trunks (64 in the paper's size)
    stem_pool: bool = False  # max pooling after the stem; off keeps 4 x 4 tokens of a 64 px view
    token_dim: int = 128
    attention_heads: int = 4
    pool_queries: int = 8
    visual_dim: int = 192
    modality_dropout: float = 0.1
    depth_range_m: float = 2.0
    point_widths: tuple[int, ...] = (64, 128, 256)
    point_dim: int = 128
    proprio_dim: int = 64
    unet_widths: tuple[int, ...] = (64, 128, 256)
    unet_blocks: int = 1  # residual blocks a level (2 in the paper's size)
    kernel: int = 5
    groups: int = 8
    step_dim: int = 128  # width of the teacher's time embedding

    @property
    def embedding_dim(self) -> int:
        """Width E of the cached embedding: fused views, then points."""
        return self.visual_dim + self.point_dim

    def check(self) -> list[str]:
        """Cross-field rules, one message a broken one."""
        factor = 2 ** (len(self.unet_widths) - 1)
        cell = 32 if self.stem_pool else 16
        rules = [
            (self.horizon % factor == 0, f"horizon: expected a multiple of {factor}, got {self.horizon}"),
            (
                all(w % self.groups == 0 for w in self.unet_widths),
                f"unet_widths: expected multiples of groups = {self.groups}, got {list(self.unet_widths)}",
            ),
            (
                self.image_size % cell == 0,
                f"image_size: expected a multiple of {cell}, got {self.image_size}",
            ),
            (
                self.token_dim % self.attention_heads == 0,
                f"token_dim: expected a multiple of attention_heads = {self.attention_heads}, "
                f"got {self.token_dim}",
            ),
            (self.trunk_width % 8 == 0, f"trunk_width: expected a multiple of 8, got {self.trunk_width}"),
            (self.kernel % 2 == 1, f"kernel: expected an odd number, got {self.kernel}"),
            (
                0.0 <= self.modality_dropout < 0.5,
                f"modality_dropout: expected 0 <= p < 0.5, got {self.modality_dropout}",
            ),
        ]
        return [message for good, message in rules if not good]
