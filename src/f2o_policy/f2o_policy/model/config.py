"""Sizes of the network; the small and the paper's size are two files of the same keys."""

from __future__ import annotations

from dataclasses import dataclass

MODALITIES = ("colour", "depth", "points")
FUSIONS = ("gated", "attention", "concat")


@dataclass(frozen=True)
class ModelConfig:
    """Shapes and widths; the defaults are ``config/policy_small.yaml``, made for two CPU cores."""

    modalities: tuple[str, ...] = MODALITIES  # what the network looks at besides the joint state
    fusion: str = "gated"  # of colour and depth: cross attention and a gate, attention alone, or neither
    history: int = 1  # instants the policy sees, the newest last
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
        """Width E of the cached embedding: of every instant of the history, the oldest first."""
        return self.history * self.frame_dim

    @property
    def frame_dim(self) -> int:
        """Width of the embedding of one observation: fused views, then points."""
        visual = self.visual_dim if {"colour", "depth"} & set(self.modalities) else 0
        return visual + (self.point_dim if "points" in self.modalities else 0)

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
            (self.history >= 1, f"history: expected >= 1, got {self.history}"),
            (self.fusion in FUSIONS, f"fusion: expected one of {', '.join(FUSIONS)}, got {self.fusion!r}"),
            (
                bool(self.modalities) and set(self.modalities) <= set(MODALITIES),
                f"modalities: expected some of {', '.join(MODALITIES)}, got {list(self.modalities)}",
            ),
            (self.kernel % 2 == 1, f"kernel: expected an odd number, got {self.kernel}"),
            (
                0.0 <= self.modality_dropout < 0.5,
                f"modality_dropout: expected 0 <= p < 0.5, got {self.modality_dropout}",
            ),
        ]
        return [message for good, message in rules if not good]
