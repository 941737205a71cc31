"""The mistakes this package reports, one class each."""

from f2o_nodekit.errors import F2oError


class TeleopError(F2oError):
    """Anything f2o_teleop refuses."""


class RobotModelError(TeleopError):
    """The URDF is missing, unreadable, or lacks a joint or frame that was asked for."""


class CommandError(TeleopError):
    """An episode command that is unknown, or not possible in the present state."""


class DiskSpaceError(TeleopError):
    """The disk of the output folder has less room left than the configured margin."""


class RateError(TeleopError):
    """A topic that is silent or too slow to start a recording."""


class ScriptError(TeleopError):
    """A scripted hand whose file cannot be used."""


class FrameError(TeleopError):
    """A frame for the hand that is not known."""
