"""When the operator takes the arm from the policy, and when they give it back. No clock, no ROS."""

from __future__ import annotations

from dataclasses import dataclass as plain
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
    """Which deflection takes over, and whether a rest gives back."""

    enabled: bool = False  # only beside a policy: the bridge offers it when its source is policy
    deflection: Annotated[float, Field(gt=0, lt=1)] = 0.2  # of any axis; touching the cap gives less
    push_s: Positive = 0.05  # least duration of such a deflection
    give_back_at_rest: bool = False  # else giving back is an act: a button, a key, the service
    release_s: Positive = 0.5  # with give_back_at_rest: time at rest after which the policy goes on
    retry_s: Positive = 0.5  # between two requests that the bridge refused

    @property
    def gives_back(self) -> str:
        """What gives the arm back to the policy, in words."""
        return f"at rest for {self.release_s:g} s" if self.give_back_at_rest else "by an act"


@plain(frozen=True)
class Hand:
    """What the operator does in this tick, with a device that works."""

    axes: Axes  # zero within the dead zone
    let_go: bool = True  # a deflection is a wish: the device was at rest before
    gripper: bool = False  # the gripper's button or key
    give_back: bool = False  # the button or key that gives back


class Takeover:
    """Decides what to request of the bridge: True to take over, False to give back, None for nothing.

    A device that has failed is nobody at rest: do not tick then, but ``forget``.
    """

    def __init__(self, config: TakeoverConfig) -> None:
        self._config = config
        self._taken = False  # the mode is teleop by our request, not because the bridge was armed in it
        self._asked_mono_ns: int | None = None
        self._since_mono_ns: int | None = None  # deflected (not ours) or at rest (ours) since then

    def forget(self) -> None:
        """What the device said before counts no more: it has failed."""
        self._since_mono_ns = None

    def tick(self, hand: Hand, mode: str, mono_ns: int) -> bool | None:
        """One period; the gripper's button takes over at once."""
        if not self._config.enabled:
            return None
        self._taken = self._taken and mode in (OURS, *FROM)
        if hand.give_back and mode == OURS:
            return self._ask(False, mono_ns)
        ours = self._taken and mode == OURS
        deflected = hand.gripper or (hand.let_go and float(np.abs(hand.axes).max()) > self._config.deflection)
        rests = self._config.give_back_at_rest and not hand.gripper and not hand.axes.any()
        if not ((ours and rests) or (mode in FROM and deflected)):
            self._since_mono_ns = None
            return None
        self._since_mono_ns = self._since_mono_ns or mono_ns
        needed_s = self._config.release_s if ours else 0.0 if hand.gripper else self._config.push_s
        if mono_ns - self._since_mono_ns < needed_s * NS_PER_S or not self._may_ask(mono_ns):
            return None
        return self._ask(not ours, mono_ns)

    def _ask(self, take_over: bool, mono_ns: int) -> bool:
        self._asked_mono_ns, self._taken = mono_ns, True
        return take_over

    def _may_ask(self, mono_ns: int) -> bool:
        asked = self._asked_mono_ns
        return asked is None or mono_ns - asked >= self._config.retry_s * NS_PER_S
