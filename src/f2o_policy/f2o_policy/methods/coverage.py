"""Control: the coverage term of the Chamfer loss alone (IMLE as first published).

Every teacher trajectory is near a hypothesis, but nothing holds the other hypotheses: some land between the modes.
"""

from __future__ import annotations

from torch import Tensor

from f2o_policy.methods.chamfer import Chamfer
from f2o_policy.methods.imle import Imle


class Coverage(Imle):
    """As ``imle`` without fidelity."""

    name = "coverage"

    def objective(self, terms: Chamfer) -> Tensor:
        """Mean distance from a teacher trajectory to its nearest hypothesis, (B,)."""
        return terms.coverage
