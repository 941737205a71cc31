"""The one-step student that is told how the plan under way goes on, so that its next chunk continues it.

The first ``prefix`` steps of the noise are replaced by the steps already committed to: no new input, no new weight, and
where there is nothing to continue the noise is left whole and all modes are drawn. In training the prefix of every
hypothesis is that of a trajectory of the teacher's set, and the set distance is taken between pairs of prefix and
trajectory: a hypothesis is near only to trajectories that begin as it was told. (The idea of conditioning on the
executed prefix is real-time chunking's, arXiv 2506.07339 and 2512.05964; here for a set loss and one pass.)
"""

from __future__ import annotations

import torch
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Count, NotNegative, Probability
from pydantic.dataclasses import dataclass

from f2o_policy.errors import ShapeError
from f2o_policy.methods.base import Batch, Head, Loss, hypotheses
from f2o_policy.methods.imle import Imle, ImleOptions


@dataclass(frozen=True, config=STRICT)
class PrefixOptions(ImleOptions):
    """As of imle, and the prefix."""

    prefix: Count = 8  # steps; long enough that the modes have parted by its end
    free: Probability = 0.5  # share of the conditions without a prefix: how an episode begins
    jitter: NotNegative = 0.02
    """Noise on a prefix, normalised: the plan under way is a mean, no trajectory of the set."""
    pull: NotNegative = 4.0  # weight of the prefix in the distance


class Prefix(Imle):
    """Student: one pass from noise that begins with what is committed to."""

    name = "prefix"
    options_class = PrefixOptions
    options: PrefixOptions  # pyrefly: ignore[bad-override-mutable-attribute]: set once, in __init__

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Chamfer distance of pairs (prefix, trajectory) per condition; without a prefix that of ``imle``.

        The terms logged are those of the trajectories alone, as of ``imle``; ``prefix_error`` is how far the first
        steps of what was drawn are from what was told.

        Raises:
            ShapeError: the prefix is no shorter than the horizon, or there are fewer hypotheses than trajectories:
                some would be nobody's prefix.
        """
        o, targets = self.options, batch.targets
        (b, k, h), m = targets.shape[:3], o.hypotheses
        if o.prefix >= h or m < k:
            expected = f"prefix < {h} (horizon) and hypotheses >= {k} (trajectories)"
            raise ShapeError("method prefix", expected, f"prefix {o.prefix}, hypotheses {m}")
        noise = batch.normal(b, m, *targets.shape[2:])
        told = (
            batch.uniform(b) >= o.free
        )  # the whole condition or none of it: else those that are told cover alone
        which = batch.uniform(b, m).argsort(1) % k  # every trajectory of the set is somebody's prefix
        rows = torch.arange(b, device=targets.device)[:, None]
        begun = targets[rows, which, : o.prefix]  # (B,M,p,D)
        begun = begun + o.jitter * batch.normal(b, *begun.shape[1:])
        noise[:, :, : o.prefix] = torch.where(told[:, None, None, None], begun, noise[:, :, : o.prefix])
        drawn = hypotheses(head, noise, batch, o.rows_at_once)
        apart = self.distances(targets[:, :, : o.prefix], begun)  # (B,K,M)
        dist = self.distances(targets, drawn)
        total = self.of_distances(dist + o.pull * told[:, None, None] * apart, drawn, targets).total
        away = self.distances(begun.flatten(0, 1)[:, None], drawn[:, :, : o.prefix].flatten(0, 1)[:, None])
        away = away.detach().view(b, m)[told]
        terms = self.of_distances(dist.detach(), drawn.detach(), targets).terms
        return Loss(total, terms | {"prefix_error": float(away.mean()) if len(away) else float("nan")})
