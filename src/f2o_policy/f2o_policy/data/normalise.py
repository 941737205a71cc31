"""Min-max scaling to [-1,1] and its inverse, fitted on the training episodes alone and saved in the checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

DEGENERATE_RANGE = 1e-4  # a dimension with a smaller range is constant: it maps to 0 and keeps its unit


@dataclass(frozen=True)
class MinMax:
    """One scaling, x -> (x - centre) / half, elementwise over the last axis of width d."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, rows: Float[np.ndarray, "... d"]) -> MinMax:
        """Limits of ``rows``."""
        flat = np.asarray(rows, np.float64).reshape(-1, rows.shape[-1])
        return cls(tuple(flat.min(0).tolist()), tuple(flat.max(0).tolist()))

    def with_unit(self, columns: slice) -> MinMax:
        """The same with [-1,1] as the limits of ``columns``: they are what they are.

        For the columns of a rotation matrix: a tool that always points down hardly turns, and stretched to [-1,1] the
        tremor of its demonstrations would count as much as its way.
        """
        low, high = np.array(self.low), np.array(self.high)
        low[columns], high[columns] = -1.0, 1.0
        return MinMax(tuple(low.tolist()), tuple(high.tolist()))

    @property
    def centre(self) -> Float[np.ndarray, " d"]:
        """Middle of the range, in the data's unit."""
        return (np.array(self.high) + np.array(self.low)) / 2

    @property
    def half(self) -> Float[np.ndarray, " d"]:
        """Half the range, or 1 where the range is degenerate."""
        span = np.array(self.high) - np.array(self.low)
        return np.where(span < DEGENERATE_RANGE, 1.0, span / 2)

    def encode(self, x: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... d"]:
        """Data unit -> [-1,1]."""
        return (x - self.centre) / self.half

    def decode(self, y: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... d"]:
        """[-1,1] -> data unit."""
        return y * self.half + self.centre


@dataclass(frozen=True)
class Normaliser:
    """The scalings of a policy: action (``action_space``), proprio (8: joints [rad], width [m]), point (3: [m])."""

    action: MinMax
    proprio: MinMax
    point: MinMax
    action_std: float  # of the encoded actions over all dimensions: the teacher scales its input by it

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for the checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, tree: dict[str, Any]) -> Normaliser:
        """Inverse of ``to_dict``."""
        scalings = {
            k: MinMax(tuple(tree[k]["low"]), tuple(tree[k]["high"])) for k in ("action", "proprio", "point")
        }
        return cls(**scalings, action_std=tree["action_std"])
