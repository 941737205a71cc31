"""Which rows of a step's batch belong to this process; alone, all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Process ``rank`` of ``world``. Everything random is drawn for all of them from one seed and then cut, so that
    several processes together do what one would.
    """

    rank: int = 0
    world: int = 1

    def rows(self, count: int) -> slice:
        """This process' part of ``count`` rows; ``world`` must divide them."""
        own = count // self.world
        return slice(self.rank * own, (self.rank + 1) * own)


WHOLE = Share()
