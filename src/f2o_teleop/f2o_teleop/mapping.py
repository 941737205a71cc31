"""From a device's deflection to a twist, and from its buttons to the gripper and the recorder."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from f2o_nodekit.config import STRICT, ConfigPath, rules
from f2o_nodekit.fields import NotNegative, Positive, must
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_teleop.device import AXES, Axes

NOT_MAPPED = -1
EPISODE = ("stop", "success", "failure", "discard")  # actions of buttons that are episode commands
ACTIONS = ("gripper", "record", "enable", "give_back", *EPISODE)  # of buttons
SIGNED_AXES = [sign + axis for axis in AXES for sign in "+-"]
SixAxes = Annotated[
    tuple[str, ...],
    must(lambda axes: len(axes) == 6 and set(axes) <= set(SIGNED_AXES), f"six of {', '.join(SIGNED_AXES)}"),
]
ButtonIndex = Annotated[int, Field(ge=NOT_MAPPED)]


@dataclass(frozen=True, config=STRICT)
class MappingConfig:
    """How deflection becomes speed."""

    dead_zone: Annotated[float, Field(ge=0, lt=1)] = 0.08
    """Share of the deflection that is ignored; the rest starts at zero speed."""
    exponent: Positive = 1.6  # above 1: finer near rest
    linear_m_s: Positive = 0.25  # speed at full deflection, and the maximum in any direction
    angular_rad_s: Positive = 0.6
    axes: SixAxes = ("+x", "+y", "+z", "+roll", "+pitch", "+yaw")
    """Which axis of the teleop device drives each axis of the frame, with its sign."""
    frame: Literal["base", "tool", "camera"] = "base"  # whose axes; camera: as things look in its image
    camera: str = "external_1"
    calibration: ConfigPath = "cameras.yaml"  # pose of `camera`


class TwistMapping:
    """Deflection to twist: dead zone with rescale, curve, axis map, speed caps."""

    def __init__(self, config: MappingConfig) -> None:
        self._config = config
        self._map = np.zeros((6, 6))
        for row, name in enumerate(config.axes):
            self._map[row, AXES.index(name[1:])] = 1.0 if name[0] == "+" else -1.0

    def __call__(self, axes: Axes) -> Float64[np.ndarray, "6"]:
        """The twist in the device's frame: linear [m/s] over angular [rad/s]."""
        config = self._config
        size = np.clip((np.abs(axes) - config.dead_zone) / (1.0 - config.dead_zone), 0.0, 1.0)
        shaped = self._map @ (np.sign(axes) * size**config.exponent)
        linear, angular = _within_unit(shaped[:3]), _within_unit(shaped[3:])
        return np.concatenate([config.linear_m_s * linear, config.angular_rad_s * angular])


def within_dead_zone(axes: Axes, dead_zone: float) -> Axes:
    """The axes, with zero for those within the dead zone."""
    return np.where(np.abs(axes) <= dead_zone, 0.0, axes)


def _within_unit(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3"]:
    """The vector, shortened to length 1 if it is longer."""
    return vector / max(1.0, float(np.linalg.norm(vector)))


@dataclass(frozen=True, config=STRICT)
class ButtonConfig:
    """Index of the button for each action, -1 for none."""

    gripper: ButtonIndex = 0  # open or close, when pressed
    record: ButtonIndex = 1  # short press: start, or while recording save as a success; long press: discard
    enable: ButtonIndex = NOT_MAPPED  # the hold-to-run switch: the arm moves only while it is held
    give_back: ButtonIndex = NOT_MAPPED  # gives the arm back to the policy, when pressed
    stop: ButtonIndex = NOT_MAPPED  # end the recording, and label it afterwards: success, failure or discard
    success: ButtonIndex = NOT_MAPPED
    failure: ButtonIndex = NOT_MAPPED
    discard: ButtonIndex = NOT_MAPPED
    debounce_s: NotNegative = 0.2
    long_press_s: Positive = 0.8

    @rules
    def _once_each(self) -> Iterator[str]:
        used = [index for index in self.mapped().values() if index >= 0]
        if len(set(used)) < len(used):
            yield f"gripper: expected each button once, got {used}"
        if not self.debounce_s < self.long_press_s:
            yield f"debounce_s: expected less than long_press_s ({self.long_press_s:g}), got {self.debounce_s:g}"

    def mapped(self) -> dict[str, int]:
        """Action -> index of its button."""
        return {action: getattr(self, action) for action in ACTIONS}


class Button:
    """One button: its edges, debounced."""

    def __init__(self, debounce_s: float) -> None:
        self._debounce_ns = round(debounce_s * NS_PER_S)
        self._down_mono_ns: int | None = None
        self._accepted_mono_ns: int | None = None

    def update(self, pressed: bool, mono_ns: int) -> tuple[bool, float | None]:
        """Whether it was just pressed, and on release for how long [s] (else None)."""
        if pressed and self._down_mono_ns is None and self._settled(mono_ns):
            self._down_mono_ns = self._accepted_mono_ns = mono_ns
            return True, None
        if not pressed and self._down_mono_ns is not None and self._settled(mono_ns):
            held_s, self._down_mono_ns = (mono_ns - self._down_mono_ns) / NS_PER_S, None
            self._accepted_mono_ns = mono_ns
            return False, held_s
        return False, None

    def forget(self) -> None:
        """It is up, and nobody has released it."""
        self._down_mono_ns = None

    def _settled(self, mono_ns: int) -> bool:
        return self._accepted_mono_ns is None or mono_ns - self._accepted_mono_ns >= self._debounce_ns


@dataclasses.dataclass(frozen=True)
class ButtonRequests:
    """What the buttons request in this tick."""

    toggle_gripper: bool = False
    give_back: bool = False
    commands: tuple[str, ...] = ()  # for /f2o/episode/command


class Buttons:
    """All buttons of a device."""

    def __init__(self, config: ButtonConfig) -> None:
        self._config = config
        self._index = {action: index for action, index in config.mapped().items() if index >= 0}
        self._buttons = {action: Button(config.debounce_s) for action in self._index}

    def update(self, pressed: tuple[bool, ...], recording: bool, mono_ns: int) -> ButtonRequests:
        """The requests of this tick; `recording` decides what the record button does."""
        hits: set[str] = set()
        commands: list[str] = []
        for action, index in self._index.items():
            down = index < len(pressed) and pressed[index]
            hit, held_s = self._buttons[action].update(down, mono_ns)
            if action == "record":
                commands += self._record(held_s, recording)
            elif hit:
                hits.add(action)
        commands += [action for action in EPISODE if action in hits]
        return ButtonRequests("gripper" in hits, "give_back" in hits, tuple(commands))

    def enables(self, pressed: tuple[bool, ...]) -> bool:
        """Whether the hold-to-run button is held."""
        index = self._config.enable
        return 0 <= index < len(pressed) and pressed[index]

    def forget(self) -> None:
        """A button that was down is not released: its device has failed."""
        for button in self._buttons.values():
            button.forget()

    def _record(self, held_s: float | None, recording: bool) -> list[str]:
        if held_s is None:
            return []
        if held_s >= self._config.long_press_s:
            return ["discard"]
        return ["success" if recording else "start"]
