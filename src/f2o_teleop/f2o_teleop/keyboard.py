"""The keyboard as teleop device. A terminal reports when a key is pressed, not when it is released."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_teleop.device import DeviceReading, at_rest

# Small letters translate, capitals rotate. The other keys stay free for the episode commands of teleop.yaml.
AXIS_OF_KEY = {
    "i": (0, 1.0), "k": (0, -1.0), "j": (1, 1.0), "l": (1, -1.0), "u": (2, 1.0), "o": (2, -1.0),
    "L": (3, 1.0), "J": (3, -1.0), "I": (4, 1.0), "K": (4, -1.0), "U": (5, 1.0), "O": (5, -1.0),
}  # fmt: skip
STOP = " "


class KeyboardDevice:
    """Each key deflects its axis fully for ``hold_s``; a held key repeats sooner, so the arm moves on.

    The space bar stops at once.

    Attributes:
        status: why no key can come, or ''; set by the caller.
    """

    def __init__(self, hold_s: float = 0.3) -> None:
        """``hold_s``: longer than the terminal's repeat period (some 30 ms), short enough to stop promptly."""
        self._hold_ns = round(hold_s * NS_PER_S)
        self.status = ""
        self._until: dict[int, tuple[float, int]] = {}  # axis -> direction, until when

    def offer_key(self, key: str, mono_ns: int) -> bool:
        """A key was typed; False when it has no meaning here."""
        if key == STOP:
            self._until = {}
            return True
        if key not in AXIS_OF_KEY:
            return False
        axis, direction = AXIS_OF_KEY[key]
        self._until = {**self._until, axis: (direction, mono_ns + self._hold_ns)}
        return True

    def read(self, mono_ns: int, following: bool) -> DeviceReading:
        """The present deflection."""
        axes = np.zeros(6)
        for axis, (direction, until) in self._until.items():
            axes[axis] = direction if mono_ns < until else 0.0
        return at_rest(self.status) if self.status else DeviceReading(axes)

    def close(self) -> None:
        """Nothing to close."""
