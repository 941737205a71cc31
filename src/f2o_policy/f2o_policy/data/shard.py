"""The rows of a batch that this rank computes; all of them in a single process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """Part ``rank`` of ``world_size`` of a batch.

    Random numbers are drawn for the whole batch from one seed and then cut, so that several ranks compute together
    what a single process would.
    """

    rank: int = 0
    world_size: int = 1

    def rows(self, count: int) -> slice:
        """This rank's part of ``count`` rows; ``world_size`` must divide them."""
        own = count // self.world_size
        return slice(self.rank * own, (self.rank + 1) * own)


WHOLE = Shard()
