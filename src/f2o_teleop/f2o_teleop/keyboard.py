"""A keyboard as a hand, for those without a SpaceMouse. A terminal tells when a key goes down, not when it comes up."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_teleop.hand import HandReading

# Right hand: translation. Capitals turn. The other keys stay free for the episode commands of teleop.yaml.
AXIS_OF_KEY = {
    "i": (0, 1.0), "k": (0, -1.0), "j": (1, 1.0), "l": (1, -1.0), "u": (2, 1.0), "o": (2, -1.0),
    "L": (3, 1.0), "J": (3, -1.0), "I": (4, 1.0), "K": (4, -1.0), "U": (5, 1.0), "O": (5, -1.0),
}  # fmt: skip
STOP = " "


class KeyboardHand:
    """Each key pushes its axis fully for ``hold_s``: a held key repeats sooner, so the arm goes on until it is let go.

    The space bar stops at once.
    """

    def __init__(self, hold_s: float = 0.3) -> None:
        """``hold_s``: longer than the terminal's repeat period (some 30 ms), as short as stopping shall feel."""
        self._hold_ns = round(hold_s * NS_PER_S)
        self._until: dict[int, tuple[float, int]] = {}  # axis -> direction, until when

    def offer_key(self, key: str, mono_ns: int) -> bool:
        """A key was typed; False when it is none of this hand's."""
        if key == STOP:
            self._until = {}
            return True
        if key not in AXIS_OF_KEY:
            return False
        axis, direction = AXIS_OF_KEY[key]
        self._until = {**self._until, axis: (direction, mono_ns + self._hold_ns)}
        return True

    def read(self, mono_ns: int, following: bool) -> HandReading:
        """What is pushed now."""
        axes = np.zeros(6)
        for axis, (direction, until) in self._until.items():
            axes[axis] = direction if mono_ns < until else 0.0
        return HandReading(axes)

    def close(self) -> None:
        """Nothing to let go of."""
