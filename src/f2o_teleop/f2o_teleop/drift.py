"""Zero offset of a teleop device: some do not come to rest at zero, and the arm must not creep because of that.

A dead zone hides small offsets but costs sensitivity; this measures them. A cap that somebody holds trembles, while a
device at rest repeats the same values. Small values that stay equal for a while are therefore the offset
(UMI#35, spacenavd#45, SpaceNavigator#87 report arms that creep).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Positive
from f2o_nodekit.stamps import NS_PER_S
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_teleop.device import Axes


@dataclass(frozen=True, config=STRICT)
class DriftConfig:
    """When a deflection is taken for the zero offset."""

    max_deflection: Annotated[float, Field(ge=0, lt=1)] = 0.12  # in every axis; 0: never
    tolerance: Positive = 0.006  # values that differ by no more are equal: two counts of 350
    after_s: Positive = 1.5


class ZeroOffset:
    """Subtracts the deflection of the device at rest.

    Attributes:
        offset: the deflection that is subtracted, (6,).
    """

    def __init__(self, config: DriftConfig) -> None:
        self._config = config
        self.offset: Axes = np.zeros(6)
        self._low = self._high = np.zeros(6)
        self._since_mono_ns: int | None = None

    def __call__(self, axes: Axes, mono_ns: int) -> Axes:
        """The axes without the offset, which this reading may update."""
        self._update(axes, mono_ns)
        return np.clip(axes - self.offset, -1.0, 1.0) if self.offset.any() else axes

    def _update(self, axes: Axes, mono_ns: int) -> None:
        config = self._config
        low, high = np.minimum(self._low, axes), np.maximum(self._high, axes)
        since = self._since_mono_ns
        moved = (high - low).max() > config.tolerance or np.abs(axes).max() > config.max_deflection
        if since is None or moved:
            self._low, self._high, self._since_mono_ns = axes, axes, mono_ns
            return
        self._low, self._high = low, high
        if mono_ns - since >= config.after_s * NS_PER_S:
            self.offset = (low + high) / 2
