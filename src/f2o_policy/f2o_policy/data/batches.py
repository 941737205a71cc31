"""Batches for the teacher: images, points, joint states and normalised chunks, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
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
    augment: AugmentConfig | None = None,
) -> ObservationBatch:
    """Read the windows of ``observations``; lags, and the augmentation if there is one, are drawn from ``rng``."""
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
        torch.from_numpy(data["points"][observations].astype(np.float32)),
        torch.from_numpy(proprio),
        torch.from_numpy(actions),
    )
