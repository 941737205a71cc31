"""What a method is: a loss for training and a sampler for use, on the shared network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from f2o_policy.data.shard import WHOLE, Shard

# ``PolicyNetwork.head``: (B,H,D), embedding (B,E), proprio (B,8)[, t (B,)] -> (B,H,D), normalised
Head = Callable[..., Tensor]


@dataclass(frozen=True)
class Batch:
    """Conditions and their targets.

    Attributes:
        embedding: (B,E).
        proprio: (B,8), physical units.
        targets: (B,K,H,D), normalised: the demonstrated chunk (K = 1) for a teacher, the teacher's set for a student.
        noise: (B,K,H,D) from which each trajectory of the set was integrated; for methods that pair the two.
        shard: the part of the step's batch that these rows are.
    """

    embedding: Tensor
    proprio: Tensor
    targets: Tensor
    noise: Tensor | None = None
    shard: Shard = WHOLE

    def normal(self, rows: int, *shape: int) -> Tensor:
        """(rows,*shape) standard normal, ``rows`` being a multiple of the conditions; see ``Shard``."""
        drawn = torch.randn(rows * self.shard.world_size, *shape, device=self.targets.device)
        return drawn[self.shard.rows(len(drawn))]

    def uniform(self, rows: int, *shape: int) -> Tensor:
        """As ``normal``, uniform in [0,1)."""
        drawn = torch.rand(rows * self.shard.world_size, *shape, device=self.targets.device)
        return drawn[self.shard.rows(len(drawn))]


@dataclass(frozen=True)
class Loss:
    """The number to minimise and the numbers to log."""

    total: Tensor
    terms: dict[str, float]


class Method(ABC):
    """A loss and a sampler. ``kind`` says whether the network has time modules and what it is trained on."""

    name: ClassVar[str]
    kind: ClassVar[Literal["teacher", "student"]]
    options_class: ClassVar[type]

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def loss(self, head: Head, batch: Batch) -> Loss:
        """Training loss; draws its noise from torch's global generator."""

    @abstractmethod
    def sample(
        self, head: Head, noise: Tensor, embedding: Tensor, proprio: Tensor, steps: int | None = None
    ) -> Tensor:
        """(B,H,D) noise -> (B,H,D) normalised chunks; ``steps`` is for methods that integrate."""


def hypotheses(head: Head, noise: Tensor, batch: Batch, rows_at_once: int = 0) -> Tensor:
    """One forward pass for noise (B,M,H,D) -> (B,M,H,D) float32.

    ``rows_at_once`` > 0 bounds memory: that many sequences go through the network at a time, and their activations are
    recomputed in the backward pass (gradient checkpointing).
    """
    m = noise.shape[1]
    inputs = noise.flatten(0, 1), repeat(batch.embedding, m), repeat(batch.proprio, m)
    if not rows_at_once:
        return head(*inputs).float().unflatten(0, (-1, m))
    parts = zip(*(x.split(rows_at_once) for x in inputs), strict=True)
    chunks = [checkpoint(head, *part, use_reentrant=False) for part in parts]
    return torch.cat(chunks).float().unflatten(0, (-1, m))


def component_weights(dims: int, gripper_weight: float) -> Tensor:
    """(D,) ones, the last (the gripper) ``gripper_weight``."""
    weights = torch.ones(dims)
    weights[-1] = gripper_weight
    return weights


def repeat(x: Tensor, times: int) -> Tensor:
    """(B,...) -> (B*times,...), each row repeated ``times`` times."""
    return x.repeat_interleave(times, dim=0)
