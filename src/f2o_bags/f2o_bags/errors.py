"""The errors of this package."""

from f2o_nodekit.errors import F2oError


class BagsError(F2oError):
    """Base class of this package's errors."""


class BagError(BagsError):
    """A bag that cannot be opened, read or finished."""


class DefinitionError(BagsError):
    """A message type whose definition is not installed."""


class PlayError(BagsError):
    """A bag cannot be played, or replayed by the arm, into the running graph."""
