"""The errors of this package."""

from f2o_nodekit.errors import F2oError


class TeleopError(F2oError):
    """Base class of this package's errors."""


class RobotModelError(TeleopError):
    """The URDF is missing, unreadable, or lacks a joint or frame."""


class CommandError(TeleopError):
    """An episode command that is unknown, or not possible in the present state."""


class DiskSpaceError(TeleopError):
    """The disk of the output folder has less free space than configured."""


class RateError(TeleopError):
    """A topic that is silent or too slow to start a recording."""


class ScriptError(TeleopError):
    """A file of a scripted device, or of HID reports, that cannot be used."""


class FrameError(TeleopError):
    """The frame of the teleop device is not known."""


class SwitchError(TeleopError):
    """The enable switch cannot be opened, or has disappeared."""
