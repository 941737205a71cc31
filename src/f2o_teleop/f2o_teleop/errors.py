"""The mistakes this package reports, one class each."""

from f2o_nodekit.errors import F2oError


class TeleopError(F2oError):
    """Anything f2o_teleop refuses."""


class RobotModelError(TeleopError):
    """The URDF is missing, unreadable, or lacks a joint or frame that was asked for."""
