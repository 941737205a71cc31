"""What can go wrong when a node graph is started."""

from f2o_nodekit.errors import F2oError


class BringupError(F2oError):
    """Base of this package's errors."""


class GraphError(BringupError):
    """A node graph or one of its arguments that does not exist or does not fit."""


class ExecutableError(BringupError):
    """A process that cannot be started."""


class EndedError(BringupError):
    """A process that must not end has ended."""
