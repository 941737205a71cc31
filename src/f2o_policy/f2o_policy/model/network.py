"""The network in two parts: ``embed`` runs at camera rate, ``head`` at 125 Hz.

Data format (B observations or hypotheses, V views, S pixels, P points, H steps, D = 8 or 10, E embedding):

    rgb       (N,V,S,S,3) uint8             points   (N,P,3) float32 [m], base frame, already thinned
    depth_mm  (N,V,S,S)   float32, 0 = none  proprio  (B,n*8) float32: 7 joints [rad], gripper width [m]
    embedding (B,E) float32                  chunk    (B,H,D) float32, normalised to [-1,1]

With a history of n instants images come as N = B n single observations, ``stack`` concatenates their embeddings, and
the joint states of the instants are concatenated; the oldest is first. n = 1 needs no ``stack``.

Both parts are traceable: no Python branch depends on a value, only on shapes and on train/eval mode. (They have no
shape annotations, because checking them while tracing would read traced sizes.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from f2o_policy.data.normalise import Normaliser
from f2o_policy.model.config import ModelConfig
from f2o_policy.model.encoder import PointNet, VisualEncoder
from f2o_policy.model.unet import TemporalUNet


class Embedded(NamedTuple):
    """An embedding (B,E) and the gate (B,2) that weighed colour and depth."""

    embedding: Tensor
    gate: Tensor


class PolicyNetwork(nn.Module):
    """Encoder and head; ``timed`` adds the time modules of the teacher and nothing else."""

    # constants of the data, saved with the normaliser, not with the weights
    proprio_centre: Tensor
    proprio_half: Tensor
    point_centre: Tensor
    point_half: Tensor

    def __init__(self, config: ModelConfig, normaliser: Normaliser, timed: bool) -> None:
        super().__init__()
        self.config, self.timed = config, timed
        self.embedding_size = config.embedding_dim
        self.action_std = normaliser.action_std
        seen = set(config.modalities)
        self.visual = VisualEncoder(config) if seen & {"colour", "depth"} else None
        self.point = PointNet(config.point_widths, config.point_dim) if "points" in seen else None
        self.proprio = nn.Sequential(
            nn.Linear(len(normaliser.proprio.low), config.proprio_dim),
            nn.Mish(),
            nn.Linear(config.proprio_dim, config.proprio_dim),
        )
        self.unet = TemporalUNet(
            config.action_dim,
            config.embedding_dim + config.history * config.proprio_dim,
            config.unet_widths,
            config.unet_blocks,
            config.kernel,
            config.groups,
            config.step_dim if timed else 0,
        )
        for name in ("proprio", "point"):
            scaling = getattr(normaliser, name)
            self.register_buffer(f"{name}_centre", torch.tensor(scaling.centre).float(), persistent=False)
            self.register_buffer(f"{name}_half", torch.tensor(scaling.half).float(), persistent=False)

    def embed(self, rgb: Tensor, depth_mm: Tensor, points: Tensor) -> Tensor:
        """The embedding of images and points, (N,F)."""
        return self.embed_with_gate(rgb, depth_mm, points).embedding

    def embed_with_gate(self, rgb: Tensor, depth_mm: Tensor, points: Tensor) -> Embedded:
        """As ``embed``, with the gate for the log."""
        parts, gate = [], torch.full_like(points[:, 0, :2], 0.5)
        if self.visual is not None:
            colour = rgb.permute(0, 1, 4, 2, 3).float() / 127.5 - 1.0
            depth = (depth_mm.float() / (1000.0 * self.config.depth_range_m)).clamp(0.0, 1.0).unsqueeze(2)
            feature, gate = self.visual(colour, depth)
            parts.append(feature)
        if self.point is not None:
            parts.append(self.point((points - self.point_centre) / self.point_half))
        return Embedded(torch.cat(parts, -1), gate)

    def stack(self, frames: Tensor) -> Tensor:
        """Embeddings (B n, F) of single observations -> (B, n F), each row a history, the oldest first."""
        return frames.unflatten(0, (-1, self.config.history)).flatten(1)

    def encoder_parameters(self) -> list[nn.Parameter]:
        """The weights behind ``embed``."""
        return [p for part in (self.visual, self.point) if part is not None for p in part.parameters()]

    def head(self, x: Tensor, embedding: Tensor, proprio: Tensor, t: Tensor | None = None) -> Tensor:
        """Noise (student) or a noisy chunk at flow time ``t`` (teacher) -> the clean chunk, normalised.

        The teacher's ``x`` is first scaled to unit variance at every ``t``. The student has no time module and ignores
        ``t``.
        """
        with torch.autocast(x.device.type, enabled=False):  # joint angles keep their precision
            instants = proprio.unflatten(-1, (self.config.history, -1))
            joints = self.proprio((instants - self.proprio_centre) / self.proprio_half).flatten(1)
        condition = torch.cat([embedding, joints], -1)
        if not self.timed or t is None:
            return self.unet(x, condition)
        scale = (self.action_std**2 * t**2 + (1.0 - t) ** 2).rsqrt()
        return self.unet(x * scale[:, None, None], condition, t)
