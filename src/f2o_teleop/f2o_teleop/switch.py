"""The hold-to-run switch, whatever device it is: held, released, or gone; the core of enable_node. No clock, no ROS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Annotated, Protocol, runtime_checkable

from f2o_nodekit.config import STRICT, rules
from f2o_nodekit.fields import TopicName
from f2o_nodekit.stamps import NS_PER_S
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_teleop.errors import SwitchError

RETRY_S = 1.0  # between two attempts to open a device that is missing


@dataclass(frozen=True, config=STRICT)
class EnableTopics:
    """Names of topics."""

    enable: TopicName = "f2o/enable"


@dataclass(frozen=True, config=STRICT)
class EnableConfig:
    """The configuration of enable_node."""

    device: str = ""  # name of the input device, or its path
    key: str = "KEY_B"  # as linux/input-event-codes.h calls it: KEY_... or BTN_...
    grab: bool = True  # nobody else hears the device: a pedal that is a keyboard types nothing
    rate_hz: Annotated[float, Field(ge=20, le=1000)] = 50.0
    topics: EnableTopics = field(default_factory=EnableTopics)

    @rules
    def _fit(self) -> Iterator[str]:
        if not self.device:
            yield (
                "device: expected the name or the path of an input device (the switch that has to be held while a real "
                "robot moves), got nothing; enable:=false launches without one"
            )


@runtime_checkable
class Switch(Protocol):
    """A switch whose device is there."""

    def held(self) -> bool:
        """Whether it is held now.

        Raises:
            SwitchError: the device is gone.
        """

    def close(self) -> None:
        """Close the device."""


class HoldToRun:
    """Says whether the switch is held; opens its device again when it was gone.

    A switch that is held when it is found is stuck, or something stands on it: it counts once it was released.

    Attributes:
        status: why it is not held though a person may hold it, or ''.
    """

    def __init__(self, open_switch: Callable[[], Switch]) -> None:
        """``open_switch`` raises SwitchError where there is no such device."""
        self._open = open_switch
        self._switch: Switch | None = None
        self._tried_mono_ns: int | None = None
        self._was_released = False
        self.status = ""

    def held(self, mono_ns: int) -> bool:
        """Whether a person holds it, at monotonic time ``mono_ns``."""
        try:
            switch = self._switch or self._reopened(mono_ns)
            pressed = switch is not None and switch.held()
        except SwitchError as error:
            self.close()
            self.status = str(error)
            return False
        if switch is None:
            return False
        self._was_released = self._was_released or not pressed
        self.status = "" if self._was_released else "enable switch: held since it was found; release it once"
        return pressed and self._was_released

    def close(self) -> None:
        """Close its device."""
        if self._switch is not None:
            self._switch.close()
        self._switch, self._was_released = None, False

    def _reopened(self, mono_ns: int) -> Switch | None:
        """The device, or None before it is time to look for it again."""
        tried = self._tried_mono_ns
        if tried is not None and mono_ns - tried < RETRY_S * NS_PER_S:
            return None
        self._tried_mono_ns = mono_ns
        self._switch = self._open()
        return self._switch
