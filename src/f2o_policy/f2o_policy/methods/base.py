"""What a method is: a loss for training and a sampler for use, on the shared network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

# The control-rate half of ``PolicyNetwork``: (B,H,D), embedding (B,E), proprio (B,8)[, t (B,)] -> (B,H,D), normalised.
Head = Callable[..., Tensor]


@dataclass(frozen=True)
class Batch:
    """Conditions and their targets.

    embedding (B,E); proprio (B,8) physical units; targets (B,K,H,D) normalised: the demonstrated chunk (K = 1) for a
    teacher, the teacher's set for a student. noise (B,K,H,D): what each trajectory of the set was integrated from;
    only methods that pair the two look at it.
    """

    embedding: Tensor
    proprio: Tensor
    targets: Tensor
    noise: Tensor | None = None


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


def repeat(x: Tensor, times: int) -> Tensor:
    """(B,...) -> (B*times,...), each row ``times`` times in a row."""
    return x.repeat_interleave(times, dim=0)
