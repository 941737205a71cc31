"""Batches for the teacher: images, points, joint states and normalised chunks, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from f2o_policy.data.augment import AugmentConfig, Draws, disturb_proprio, jitter_colour, shift_views
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.shard import WHOLE, Shard
from f2o_policy.data.windows import Windows


@dataclass(frozen=True)
class ObservationBatch:
    """See model/network.py for shapes and units: images and points of B n observations, n of each history.

    ``actions`` (B,H,D) normalised.
    """

    rgb: Tensor
    depth_mm: Tensor
    points: Tensor
    proprio: Tensor
    actions: Tensor


@dataclass(frozen=True)
class JointBatch:
    """A batch without images and points: proprio (B,P) in physical units, actions (B,H,D) normalised."""

    frames: np.ndarray  # (B n,) observations, n of each history
    proprio: Float32[np.ndarray, "b p"]
    actions: Float32[np.ndarray, "b h d"]
    draws: Draws | None


def load_batch(
    windows: Windows,
    normaliser: Normaliser,
    observations: np.ndarray,
    rng: np.random.Generator | list[int],
    points: int,
    augment: AugmentConfig | None = None,
    shard: Shard = WHOLE,
) -> ObservationBatch:
    """Read the windows of ``observations``, ``points`` of each; lags and augmentation are drawn from ``rng``.

    ``shard`` reads this rank's part of them. Without augmentation the lags [ns] may be given in place of ``rng``.
    """
    data, small = windows.dataset, load_joints(windows, normaliser, observations, rng, augment, shard)
    rgb, depth = data["rgb"][small.frames], data["depth_mm"][small.frames]
    phase = np.zeros(len(small.frames))
    if small.draws is not None:
        phase = np.repeat(small.draws.phase, windows.config.history)
        whole = (len(small.proprio), -1)  # the views of all instants of a history, side by side
        shifted, moved = shift_views(
            rgb.reshape(*whole, *rgb.shape[2:]), depth.reshape(*whole, *depth.shape[2:]), small.draws.shift
        )
        rgb = jitter_colour(shifted, small.draws.gain, small.draws.offset).reshape(rgb.shape)
        depth = moved.reshape(depth.shape)
    return ObservationBatch(
        torch.from_numpy(rgb),
        torch.from_numpy(depth.astype(np.float32)),
        torch.from_numpy(thin(data["points"][small.frames], points, phase).astype(np.float32)),
        torch.from_numpy(small.proprio),
        torch.from_numpy(small.actions),
    )


def load_joints(
    windows: Windows,
    normaliser: Normaliser,
    observations: np.ndarray,
    rng: np.random.Generator | list[int],
    augment: AugmentConfig | None = None,
    shard: Shard = WHOLE,
) -> JointBatch:
    """As ``load_batch`` without images and points, from the same draws."""
    lags = rng if isinstance(rng, list) else [windows.draw_lag_ns(rng) for _ in observations]
    part, config = shard.rows(len(observations)), windows.config
    draws = None
    if augment is not None and not isinstance(rng, list):
        views = config.history * len(windows.dataset.view_names)
        width = config.history * len(normaliser.proprio.low)
        draws = Draws.of(augment, len(observations), views, width, rng).rows(part)
    cut = [windows.window(int(i), lag) for i, lag in list(zip(observations, lags, strict=True))[part]]
    proprio = np.stack([w.proprio for w in cut]).astype(np.float32)
    if draws is not None:
        proprio = disturb_proprio(proprio, normaliser.proprio, draws.noise, draws.hidden)
    actions = normaliser.action.encode(np.stack([w.actions for w in cut])).astype(np.float32)
    return JointBatch(np.concatenate([w.observations for w in cut]), proprio, actions, draws)


def thin(
    points: Float[np.ndarray, "b p 3"], count: int, phase: Float[np.ndarray, " b"] | None = None
) -> Float[np.ndarray, "b n 3"]:
    """``count`` of the points, every (p // count)-th, as at run time.

    ``phase`` in [0, 1) says for each cloud which of the first points is taken; by default the very first.
    """
    stride = max(points.shape[1] // count, 1)
    if phase is None:
        return points[:, ::stride][:, :count]
    first = (phase * stride).astype(np.int64)
    rows = first[:, None] + stride * np.arange(min(count, points.shape[1] // stride))
    return np.take_along_axis(points, rows[..., None], 1)
