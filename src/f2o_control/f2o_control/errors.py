"""What a user of f2o_control can do wrong."""

from f2o_nodekit.errors import F2oError


class ControlError(F2oError):
    """Base of this package's errors."""


class UnknownAdapterError(ControlError):
    """An adapter name that is not in the table."""


class UnknownProfileError(ControlError):
    """A profile that the robot file does not have."""


class KinematicsError(ControlError):
    """No model of the arm that its links' places could be computed from."""


class InterfacesError(ControlError):
    """Message packages of the robot's driver that are not installed."""
