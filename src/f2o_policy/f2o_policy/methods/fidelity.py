"""Control: the fidelity term of the Chamfer loss alone.

Every hypothesis is near a teacher trajectory, but all of them may be near the same one: modes are dropped.
"""

from __future__ import annotations

from torch import Tensor

from f2o_policy.methods.chamfer import Chamfer
from f2o_policy.methods.imle import Imle


class Fidelity(Imle):
    """As ``imle`` without coverage."""

    name = "fidelity"

    def objective(self, terms: Chamfer) -> Tensor:
        """Mean distance from a hypothesis to its nearest teacher trajectory, (B,)."""
        return terms.fidelity
