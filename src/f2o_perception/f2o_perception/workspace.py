"""The box of space that the cloud keeps."""

from __future__ import annotations

from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Interval
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=STRICT)
class Workspace:
    """A box in the base frame [m]; each is (lower, upper)."""

    x: Interval = (0.2, 0.9)
    y: Interval = (-0.45, 0.45)
    z: Interval = (0.005, 0.6)  # from just above the table
