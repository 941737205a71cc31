"""What can be wrong with the inputs of perception."""

from __future__ import annotations

from f2o_nodekit.errors import F2oError


class PerceptionError(F2oError):
    """Base of every error of this package."""


class CalibrationError(PerceptionError):
    """Extrinsics that are missing or cannot be a pose."""


class KinematicsError(PerceptionError):
    """A robot description that lacks a joint or frame, or cannot be read."""


class ImageError(PerceptionError):
    """An image message whose encoding, size or data cannot be used."""


class ObservationError(PerceptionError):
    """An Observation message whose arrays do not have the sizes that it announces."""


class BackendError(PerceptionError):
    """An unknown voxel backend, or one whose package is not installed."""
