"""The prefix-conditioned one-step student: its chunk continues the plan under way.

The first ``prefix`` steps of the noise are replaced by the steps already committed to, with no new input and no new
weight; without a plan the noise is left whole and all modes are drawn. In training the prefix of every hypothesis is
that of a trajectory of the teacher's set, and the set distance is taken between pairs of prefix and trajectory: a
hypothesis is near only to trajectories that begin with its prefix. (Conditioning on the executed prefix comes from
real-time chunking, arXiv 2506.07339 and 2512.05964; here with a set loss and one forward pass.)
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
    """Those of imle, and the prefix."""

    prefix: Count = 8  # steps; long enough that the modes have parted by its end
    free: Probability = 0.5  # share of the conditions without a prefix, as at the start of an episode
    jitter: NotNegative = 0.02
    """Noise on a prefix, normalised: the plan under way is a mean, no trajectory of the set."""
    pull: NotNegative = 4.0  # weight of the prefix in the distance


class Prefix(Imle):
    """Student: one forward pass from noise that begins with the committed steps."""

    name = "prefix"
    options_class = PrefixOptions
    options: PrefixOptions  # pyrefly: ignore[bad-override-mutable-attribute]: set once, in __init__

    def loss(self, head: Head, batch: Batch) -> Loss:
        """Chamfer distance of pairs (prefix, trajectory) per condition; without a prefix that of ``imle``.

        The terms logged are those of the trajectories alone, as of ``imle``; ``prefix_error`` is the distance of the
        first steps drawn to the prefix.

        Raises:
            ShapeError: the prefix is not shorter than the horizon, or there are fewer hypotheses than trajectories, so
                that some trajectory would be no hypothesis' prefix.
        """
        o, targets = self.options, batch.targets
        (b, k, h), m = targets.shape[:3], o.hypotheses
        if o.prefix >= h or m < k:
            expected = f"prefix < {h} (horizon) and hypotheses >= {k} (trajectories)"
            raise ShapeError("method prefix", expected, f"prefix {o.prefix}, hypotheses {m}")
        noise = batch.normal(b, m, *targets.shape[2:])
        given = (
            batch.uniform(b) >= o.free
        )  # to all hypotheses of a condition, else those with one would cover alone
        which = (
            batch.uniform(b, m).argsort(1) % k
        )  # every trajectory of the set is the prefix of some hypothesis
        rows = torch.arange(b, device=targets.device)[:, None]
        prefix = targets[rows, which, : o.prefix]  # (B,M,p,D)
        prefix = prefix + o.jitter * batch.normal(b, *prefix.shape[1:])
        noise[:, :, : o.prefix] = torch.where(given[:, None, None, None], prefix, noise[:, :, : o.prefix])
        drawn = hypotheses(head, noise, batch, o.rows_at_once)
        to_prefix = self.distances(targets[:, :, : o.prefix], prefix)  # (B,K,M)
        dist = self.distances(targets, drawn)
        total = self.of_distances(dist + o.pull * given[:, None, None] * to_prefix, drawn, targets).total
        error = self.distances(prefix.flatten(0, 1)[:, None], drawn[:, :, : o.prefix].flatten(0, 1)[:, None])
        error = error.detach().view(b, m)[given]
        terms = self.of_distances(dist.detach(), drawn.detach(), targets).terms
        return Loss(total, terms | {"prefix_error": float(error.mean()) if len(error) else float("nan")})
