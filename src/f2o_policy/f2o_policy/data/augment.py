"""Augmentation of a batch: small shifts of each view, light colour jitter, noise and dropout on the joint state.

Random numbers are drawn first, for the whole batch of a step, and applied after: of several ranks each applies its
rows, and together they compute what a single process would.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import NotNegative, Probability
from jaxtyping import Bool, Float, Float32, Float64, Int64, UInt8, UInt16
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_policy.data.normalise import MinMax


@dataclass(frozen=True, config=STRICT)
class AugmentConfig:
    """Strengths; zero switches one off."""

    shift_px: Annotated[int, Field(ge=0)] = 1
    """A pixel of a 64 px view is some 2 cm of table: larger shifts blur where the cube is."""
    brightness: NotNegative = 0.15
    contrast: NotNegative = 0.15
    point_phase: bool = (
        True  # draw which points of the cloud are taken; at run time every n-th from the first
    )
    proprio_noise: NotNegative = 0.01  # standard deviation, in normalised units
    gripper_dropout: Probability = 0.2
    """Probability that the observed width is hidden, so that the policy does not copy it into the action."""


@dataclasses.dataclass(frozen=True)
class Draws:
    """The random numbers of an augmentation, one row per sample; V counts the views of all instants of a history."""

    shift: Int64[np.ndarray, "b v 2"]  # pixels, rows and columns
    gain: Float64[np.ndarray, " b"]
    offset: Float64[np.ndarray, " b"]
    phase: Float64[np.ndarray, " b"]  # in [0, 1)
    noise: Float64[np.ndarray, "b p"]  # normalised units
    hidden: Bool[np.ndarray, " b"]  # gripper widths

    @classmethod
    def of(
        cls, config: AugmentConfig, batch: int, views: int, proprio: int, rng: np.random.Generator
    ) -> Draws:
        """Draw for ``batch`` samples of ``views`` views and ``proprio`` joint values."""
        limit = config.shift_px
        return cls(
            rng.integers(-limit, limit + 1, (batch, views, 2)),
            1.0 + rng.uniform(-config.contrast, config.contrast, batch),
            255.0 * rng.uniform(-config.brightness, config.brightness, batch),
            rng.random(batch) * config.point_phase,
            config.proprio_noise * rng.standard_normal((batch, proprio)),
            rng.random(batch) < config.gripper_dropout,
        )

    def rows(self, part: slice) -> Draws:
        """Those of some of the samples."""
        return Draws(*(getattr(self, field.name)[part] for field in dataclasses.fields(self)))


def shift_views(
    rgb: UInt8[np.ndarray, "b v s s 3"],
    depth: UInt16[np.ndarray, "b v s s"],
    shift: Int64[np.ndarray, "b v 2"],
) -> tuple[UInt8[np.ndarray, "b v s s 3"], UInt16[np.ndarray, "b v s s"]]:
    """Move each view by ``shift`` pixels, colour and depth together; the border is repeated."""
    b, v, s = depth.shape[:3]
    rows, cols = (np.arange(s) + shift[..., axis, None] for axis in (0, 1))  # (B,V,S) each
    where = (
        np.arange(b)[:, None, None, None],
        np.arange(v)[:, None, None],
        rows.clip(0, s - 1)[..., None],
        cols.clip(0, s - 1)[:, :, None],
    )
    return rgb[where], depth[where]


def jitter_colour(
    rgb: UInt8[np.ndarray, "b v s s 3"], gain: Float[np.ndarray, " b"], offset: Float[np.ndarray, " b"]
) -> UInt8[np.ndarray, "b v s s 3"]:
    """Gain around middle grey and offset of each sample, the same in all its views."""
    gain, offset = (x.astype(np.float32)[:, None, None, None, None] for x in (gain, offset))
    return ((rgb - np.float32(127.5)) * gain + 127.5 + offset).clip(0, 255).astype(np.uint8)


def disturb_proprio(
    proprio: Float32[np.ndarray, "b p"],
    scaling: MinMax,
    noise: Float64[np.ndarray, "b p"],
    hidden: Bool[np.ndarray, " b"],
) -> Float32[np.ndarray, "b p"]:
    """Add noise given in normalised units; hide some gripper widths, in all instants of a history at once.

    A hidden width becomes one that no gripper has, half a range below the lowest. The middle of the range would be
    taken for fingers closed on an object, and a policy that cannot tell the two never lifts what it has grasped.
    """
    half, centre = scaling.half, scaling.centre
    shape = (len(proprio), -1, len(half))  # sample, instant, joint
    noisy = proprio.reshape(shape) + half * noise.reshape(shape)
    noisy[hidden, :, -1] = centre[-1] - 2.0 * half[-1]
    return noisy.reshape(proprio.shape).astype(np.float32)
