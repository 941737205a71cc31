"""Errors of f2o_control."""

from f2o_nodekit.errors import F2oError


class ControlError(F2oError):
    """Base of this package's errors."""


class UnknownAdapterError(ControlError):
    """An unknown adapter name."""


class UnknownProfileError(ControlError):
    """A profile that the robot's file does not have."""


class KinematicsError(ControlError):
    """No model of the arm for its kinematics."""


class InterfacesError(ControlError):
    """Message packages of the robot's driver that are not installed."""


class KeyFileError(ControlError):
    """No key for the udp path where there must be one, or a file that is none."""
