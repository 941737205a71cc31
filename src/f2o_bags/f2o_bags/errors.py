"""The mistakes this package reports, one class each."""

from f2o_nodekit.errors import F2oError


class BagsError(F2oError):
    """Anything f2o_bags refuses."""


class BagError(BagsError):
    """A bag that cannot be opened, read or finished."""


class DefinitionError(BagsError):
    """A message type whose definition is not installed."""


class PlayError(BagsError):
    """A bag that cannot be played into the graph that is there."""
