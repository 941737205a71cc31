"""Augmentation of a batch: small shifts of each view, light colour jitter, noise and dropout on the joint state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8, UInt16


@dataclass(frozen=True)
class AugmentConfig:
    """Strengths; zero switches one off."""

    shift_px: int = 1  # a pixel of a 64 px view is some 2 cm of table: larger shifts blur where the cube is
    brightness: float = 0.15
    contrast: float = 0.15
    proprio_noise: float = 0.01  # standard deviation, in normalised units
    gripper_dropout: float = (
        0.2  # chance that the observed width is hidden: it must not be copied into the action
    )

    def check(self) -> list[str]:
        """Messages of wrong values."""
        return (
            []
            if 0 <= self.gripper_dropout <= 1
            else [f"gripper_dropout: expected 0 <= p <= 1, got {self.gripper_dropout}"]
        )


def shift_views(
    rgb: UInt8[np.ndarray, "b v s s 3"],
    depth: UInt16[np.ndarray, "b v s s"],
    limit: int,
    rng: np.random.Generator,
) -> tuple[UInt8[np.ndarray, "b v s s 3"], UInt16[np.ndarray, "b v s s"]]:
    """Move each view by up to ``limit`` pixels, colour and depth together; the border is repeated."""
    b, v, s = depth.shape[:3]
    offsets = rng.integers(-limit, limit + 1, (2, b, v, 1))
    rows, cols = (np.arange(s) + offsets).clip(0, s - 1)  # (B,V,S) each
    where = (
        np.arange(b)[:, None, None, None],
        np.arange(v)[:, None, None],
        rows[..., None],
        cols[:, :, None],
    )
    return rgb[where], depth[where]


def jitter_colour(
    rgb: UInt8[np.ndarray, "b v s s 3"], config: AugmentConfig, rng: np.random.Generator
) -> UInt8[np.ndarray, "b v s s 3"]:
    """Random gain and offset of each sample, the same in all its views."""
    shape = (len(rgb), 1, 1, 1, 1)
    gain = 1.0 + rng.uniform(-config.contrast, config.contrast, shape).astype(np.float32)
    offset = 255.0 * rng.uniform(-config.brightness, config.brightness, shape).astype(np.float32)
    return ((rgb - 127.5) * gain + 127.5 + offset).clip(0, 255).astype(np.uint8)


def disturb_proprio(
    proprio: Float32[np.ndarray, "b d"],
    half: np.ndarray,
    centre: np.ndarray,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "b d"]:
    """Add noise of ``proprio_noise`` x half range; hide some gripper widths.

    A hidden width becomes one that no gripper has, half a range below the lowest. The middle of the range would be
    taken for fingers closed on an object, and a policy that cannot tell the two never lifts what it has grasped.
    """
    noisy = proprio + config.proprio_noise * half * rng.standard_normal(proprio.shape)
    hidden = rng.random(len(proprio)) < config.gripper_dropout
    noisy[:, -1] = np.where(hidden, centre[-1] - 2.0 * half[-1], noisy[:, -1])
    return noisy.astype(np.float32)
