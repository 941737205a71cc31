"""Whether the operator's hand was off the device when the arm began to follow it.

Something may lean on a device, or a hand may still push it, when the mode changes: that deflection is nobody's wish.
"""

from __future__ import annotations

from f2o_nodekit.stamps import NS_PER_S

from f2o_teleop.device import Axes

REST_S = 0.1  # neutral for so long: longer than a passage through neutral, and than the gap between two HID reports


class LetGo:
    """Lets axes through once the device has been at rest for ``REST_S``, and not before.

    Attributes:
        seen: whether the device was at rest since the last ``restart`` or ``forget``, or up to that ``restart``.
        deflected: whether it is now.
    """

    def __init__(self) -> None:
        self.seen = False
        self._since_mono_ns: int | None = None  # at rest since then
        self._newest_mono_ns = 0
        self.deflected = False

    @property
    def wanted(self) -> bool:
        """Whether the device is deflected and does not count until it is let go."""
        return self.deflected and not self.seen

    def restart(self) -> None:
        """Who has the arm has changed: a device that was deflected until now has to be let go."""
        self.seen = self._resting()

    def forget(self) -> None:
        """Nothing is known of the device any more."""
        self.seen = self.deflected = False
        self._since_mono_ns = None

    def __call__(self, axes: Axes, mono_ns: int) -> Axes | None:
        """``axes``, zero within the dead zone; None while they do not count."""
        self.deflected, self._newest_mono_ns = bool(axes.any()), mono_ns
        if self.deflected:
            self._since_mono_ns = None
        elif self._since_mono_ns is None:
            self._since_mono_ns = mono_ns
        self.seen = self.seen or self._resting()
        return axes if self.seen else None

    def _resting(self) -> bool:
        since = self._since_mono_ns
        return since is not None and self._newest_mono_ns - since >= REST_S * NS_PER_S
