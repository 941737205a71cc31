"""When the operator takes the arm from the policy, and when they give it back. No clock, no ROS."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Positive
from f2o_nodekit.stamps import NS_PER_S
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_teleop.device import Axes

FROM = (
    "policy",
    "hold",
)  # modes of the bridge in which the operator may take over; hold: the policy has died
OURS = "teleop"


@dataclass(frozen=True, config=STRICT)
class TakeoverConfig:
    """Which deflection takes over, and how long a rest gives back."""

    enabled: bool = False  # only beside a policy: the bridge offers it when its source is policy
    deflection: Annotated[float, Field(gt=0, lt=1)] = 0.2  # of any axis; touching the cap gives less
    push_s: Positive = 0.05  # least duration of such a deflection
    release_s: Positive = 0.5  # time at rest after which the policy goes on
    retry_s: Positive = 0.5  # between two requests that the bridge refused


class Takeover:
    """Decides what to request of the bridge: True to take over, False to give back, None for nothing."""

    def __init__(self, config: TakeoverConfig) -> None:
        self._config = config
        self._taken = False  # the mode is teleop by our request, not because the bridge was armed in it
        self._asked_mono_ns: int | None = None
        self._since_mono_ns: int | None = None  # deflected (not ours) or at rest (ours) since then

    def tick(self, axes: Axes, pressed: bool, mode: str, mono_ns: int) -> bool | None:
        """One period; ``pressed``: a gripper button, which takes over at once."""
        if not self._config.enabled:
            return None
        self._taken = self._taken and mode in (OURS, *FROM)
        ours = self._taken and mode == OURS
        deflected = pressed or float(np.abs(axes).max()) > self._config.deflection
        at_rest = not pressed and not axes.any()
        if not ((ours and at_rest) or (mode in FROM and deflected)):
            self._since_mono_ns = None
            return None
        self._since_mono_ns = self._since_mono_ns or mono_ns
        needed_s = self._config.release_s if ours else 0.0 if pressed else self._config.push_s
        if mono_ns - self._since_mono_ns < needed_s * NS_PER_S or not self._may_ask(mono_ns):
            return None
        self._asked_mono_ns, self._taken = mono_ns, True
        return not ours

    def _may_ask(self, mono_ns: int) -> bool:
        asked = self._asked_mono_ns
        return asked is None or mono_ns - asked >= self._config.retry_s * NS_PER_S
