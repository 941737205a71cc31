"""Two toys with known modes: points on a ring of eight, and paths around a disc on the left or the right.

Conditions are continuous and never repeat, so a mode must be kept for an observation, not for a class of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class Judgement:
    """Of each of N samples a condition: on a mode or not, and which mode is nearest."""

    valid: Bool[Tensor, "b n"]
    mode: Int64[Tensor, "b n"]


class Toy(Protocol):
    """A distribution of chunks (H,D) for each condition (E,)."""

    name: ClassVar[str]
    horizon: ClassVar[int]
    width: ClassVar[int]
    condition_size: ClassVar[int]
    modes: ClassVar[int]

    def conditions(self, count: int) -> Float[Tensor, "b e"]:
        """Random ones."""

    def demonstrations(self, conditions: Float[Tensor, "b e"]) -> Float[Tensor, "b h d"]:
        """One demonstration each, of a mode drawn by lot."""

    def judge(self, conditions: Float[Tensor, "b e"], samples: Float[Tensor, "b n h d"]) -> Judgement:
        """The truth about samples."""


class Ring:
    """Eight Gaussians of deviation 0.08 on a circle of radius 1 around the condition; valid within four of them."""

    name, horizon, width, condition_size, modes = "ring of 8", 1, 2, 2, 8
    SIGMA, TOLERANCE = 0.08, 4 * 0.08

    def __init__(self) -> None:
        angles = torch.arange(self.modes) * (2 * torch.pi / self.modes)
        self._ring = torch.stack([angles.cos(), angles.sin()], -1)

    def conditions(self, count: int) -> Float[Tensor, "b e"]:
        """Centres in a square of side 0.5."""
        return 0.5 * torch.rand(count, 2) - 0.25

    def demonstrations(self, conditions: Float[Tensor, "b e"]) -> Float[Tensor, "b h d"]:
        """See the class."""
        points = self._ring[torch.randint(self.modes, (len(conditions),))]
        return (conditions + points + self.SIGMA * torch.randn_like(conditions))[:, None]

    def judge(self, conditions: Float[Tensor, "b e"], samples: Float[Tensor, "b n h d"]) -> Judgement:
        """See the class."""
        offsets = samples[:, :, 0] - conditions[:, None]
        nearest = torch.cdist(offsets, self._ring.expand(len(offsets), -1, -1)).min(-1)
        return Judgement(nearest.values < self.TOLERANCE, nearest.indices)


class Detour:
    """Paths of 16 points from (-1, 0) to the goal (1, g) around a disc of radius 0.25 at (o, p); condition (o, p, g).

    Valid: no part of the path inside the disc, and an end within 0.1 of the goal. The modes are the two sides.
    """

    name, horizon, width, condition_size, modes = "two sides", 16, 2, 3, 2
    RADIUS, REACH, CLEARANCE, REACHED = 0.25, 0.35, (0.08, 0.2), 0.1

    def conditions(self, count: int) -> Float[Tensor, "b e"]:
        """Disc near the middle, goal on the right."""
        low, high = torch.tensor([-0.2, -0.1, -0.3]), torch.tensor([0.2, 0.1, 0.3])
        return low + (high - low) * torch.rand(count, 3)

    def demonstrations(self, conditions: Float[Tensor, "b e"]) -> Float[Tensor, "b h d"]:
        """A bump over the straight way, to a side drawn by lot, high enough to clear the disc."""
        x, line = self._straight(conditions)
        o, p = conditions[:, :1], conditions[:, 1:2]
        side = torch.randint(2, o.shape) * 2.0 - 1.0
        bump = torch.exp(-(((x - o) / self.REACH) ** 2))
        clear = torch.empty_like(o).uniform_(*self.CLEARANCE) + self.RADIUS
        y = line + bump * (p + side * clear - line)
        return torch.stack([x, y], -1)

    def _straight(self, conditions: Float[Tensor, "b e"]) -> tuple[Tensor, Tensor]:
        """Coordinates x and y (B,H) of the way through everything."""
        share = torch.linspace(0, 1, self.horizon).expand(len(conditions), -1)
        return 2 * share - 1, share * conditions[:, 2:]

    def judge(self, conditions: Float[Tensor, "b e"], samples: Float[Tensor, "b n h d"]) -> Judgement:
        """See the class."""
        centre = conditions[:, None, None, :2]
        start, step = samples[:, :, :-1], samples.diff(dim=2)
        share = ((centre - start) * step).sum(-1) / step.square().sum(-1).clamp_min(1e-9)
        nearest = start + share.clamp(0, 1)[..., None] * step
        away = (nearest - centre).norm(dim=-1).amin(-1)
        goal = torch.stack([torch.ones(len(conditions)), conditions[:, 2]], -1)
        reached = (samples[:, :, -1] - goal[:, None]).norm(dim=-1) < self.REACHED
        beside = (samples[..., 0] - conditions[:, None, None, 0]).abs().argmin(-1, keepdim=True)
        y = samples[..., 1].gather(-1, beside)[..., 0]
        return Judgement((away > self.RADIUS) & reached, (y > conditions[:, None, 1]).long())


TOYS: dict[str, type] = {toy.name: toy for toy in (Ring, Detour)}
