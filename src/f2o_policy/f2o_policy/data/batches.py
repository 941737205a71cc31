"""Batches for the teacher: images, points, joint states and normalised chunks, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from f2o_policy.data.augment import AugmentConfig, disturb_proprio, jitter_colour, shift_views
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.windows import Windows


@dataclass(frozen=True)
class ObservationBatch:
    """See model/network.py for shapes and units; ``actions`` (B,H,D) normalised."""

    rgb: Tensor
    depth_mm: Tensor
    points: Tensor
    proprio: Tensor
    actions: Tensor


def load_batch(
    windows: Windows,
    normaliser: Normaliser,
    observations: np.ndarray,
    rng: np.random.Generator,
    points: int,
    augment: AugmentConfig | None = None,
) -> ObservationBatch:
    """Read the windows of ``observations``, ``points`` of each; lags and augmentation are drawn from ``rng``."""
    data = windows.dataset
    cut = [windows.window(int(i), windows.draw_lag_ns(rng)) for i in observations]
    proprio = np.stack([w.proprio for w in cut]).astype(np.float32)
    actions = normaliser.action.encode(np.stack([w.actions for w in cut])).astype(np.float32)
    rgb, depth = data["rgb"][observations], data["depth_mm"][observations]
    if augment is not None:
        rgb, depth = shift_views(rgb, depth, augment.shift_px, rng)
        rgb = jitter_colour(rgb, augment, rng)
        scaling = normaliser.proprio
        proprio = disturb_proprio(proprio, scaling.half, scaling.centre, augment, rng)
    return ObservationBatch(
        torch.from_numpy(rgb),
        torch.from_numpy(depth.astype(np.float32)),
        torch.from_numpy(thin(data["points"][observations], points).astype(np.float32)),
        torch.from_numpy(proprio),
        torch.from_numpy(actions),
    )


def thin(points: Float[np.ndarray, "b p 3"], count: int) -> Float[np.ndarray, "b n 3"]:
    """``count`` of the points, every (p // count)-th: the same rule in training and at run time."""
    return points[:, :: max(points.shape[1] // count, 1)][:, :count]
