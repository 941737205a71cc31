"""Errors of f2o_rt."""

from f2o_nodekit.errors import F2oError


class RtError(F2oError):
    """Base of this package's errors."""


class ReceiverError(RtError):
    """The receiver cannot start."""


class ArmError(RtError):
    """The arm stopped by itself or cannot be reached; ``flag`` names the reason in a word."""

    def __init__(self, flag: str, text: str) -> None:
        super().__init__(text)
        self.flag = flag
