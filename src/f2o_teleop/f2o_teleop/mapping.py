"""From a hand's deflection to a twist, and from its buttons to the gripper and the recorder."""

from dataclasses import dataclass

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_teleop.hand import AXES, Axes

NOT_MAPPED = -1
ACTIONS = ("gripper", "record", "stop", "success", "failure", "discard")  # of buttons


@dataclass(frozen=True)
class MappingConfig:
    """How deflection becomes speed."""

    dead_zone: float = 0.08  # share of the deflection that does nothing; the rest starts at zero speed
    exponent: float = 1.6  # above 1: finer near rest
    linear_m_s: float = 0.25  # speed at full deflection, and the most in any direction
    angular_rad_s: float = 0.6
    # Which axis of the hand drives each axis of the frame, with its sign.
    axes: tuple[str, ...] = ("+x", "+y", "+z", "+roll", "+pitch", "+yaw")
    frame: str = "base"  # whose axes: base, tool, or camera: as things look in the picture of `camera`
    camera: str = "external_1"
    calibration: str = "cameras.yaml"  # where `camera` is; relative to the configuration file

    def check(self) -> list[str]:
        """Messages about values out of range."""
        problems = []
        if not 0.0 <= self.dead_zone < 1.0:
            problems.append(f"dead_zone: expected 0 or more and below 1, got {self.dead_zone}")
        for key in ("exponent", "linear_m_s", "angular_rad_s"):
            if not getattr(self, key) > 0.0:
                problems.append(f"{key}: expected above 0, got {getattr(self, key)}")
        if self.frame not in ("base", "tool", "camera"):
            problems.append(f"frame: expected base, tool or camera, got {self.frame!r}")
        legal = [sign + axis for axis in AXES for sign in "+-"]
        if len(self.axes) != 6 or not set(self.axes) <= set(legal):
            problems.append(f"axes: expected six of {', '.join(legal)}, got {', '.join(self.axes)}")
        return problems


class TwistMapping:
    """Deflection to twist: dead zone with rescale, curve, axis map, speed caps."""

    def __init__(self, config: MappingConfig) -> None:
        self._config = config
        self._map = np.zeros((6, 6))
        for row, name in enumerate(config.axes):
            self._map[row, AXES.index(name[1:])] = 1.0 if name[0] == "+" else -1.0

    def __call__(self, axes: Axes) -> Float64[np.ndarray, "6"]:
        """The twist in the axes of the hand's frame: linear [m/s] over angular [rad/s]."""
        config = self._config
        size = np.clip((np.abs(axes) - config.dead_zone) / (1.0 - config.dead_zone), 0.0, 1.0)
        shaped = self._map @ (np.sign(axes) * size**config.exponent)
        linear, angular = _within_unit(shaped[:3]), _within_unit(shaped[3:])
        return np.concatenate([config.linear_m_s * linear, config.angular_rad_s * angular])


def within_dead_zone(axes: Axes, dead_zone: float) -> Axes:
    """The axes, with those that mean nothing at zero."""
    return np.where(np.abs(axes) <= dead_zone, 0.0, axes)


def _within_unit(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3"]:
    """The vector, shortened to length 1 if it is longer."""
    return vector / max(1.0, float(np.linalg.norm(vector)))


@dataclass(frozen=True)
class ButtonConfig:
    """Index of the button for each action, -1 for none."""

    gripper: int = 0  # open or close, when pressed
    record: int = 1  # pressed shortly: start; while recording: save as a success; held: discard
    stop: int = NOT_MAPPED  # end the recording, and judge it afterwards: success, failure or discard
    success: int = NOT_MAPPED
    failure: int = NOT_MAPPED
    discard: int = NOT_MAPPED
    debounce_s: float = 0.2
    long_press_s: float = 0.8

    def check(self) -> list[str]:
        """Messages about values out of range."""
        used = [index for index in self.mapped().values() if index >= 0]
        problems = [] if len(set(used)) == len(used) else [f"gripper: expected each button once, got {used}"]
        if not 0 <= self.debounce_s < self.long_press_s:
            problems.append(f"debounce_s: expected 0 or more and below long_press_s, got {self.debounce_s}")
        return problems

    def mapped(self) -> dict[str, int]:
        """Action -> index of its button."""
        return {action: getattr(self, action) for action in ACTIONS}


class Button:
    """One button: edges, without the bounces."""

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

    def _settled(self, mono_ns: int) -> bool:
        return self._accepted_mono_ns is None or mono_ns - self._accepted_mono_ns >= self._debounce_ns


@dataclass(frozen=True)
class Wishes:
    """What the buttons ask for in this tick."""

    toggle_gripper: bool = False
    commands: tuple[str, ...] = ()  # for /f2o/episode/command


class Buttons:
    """All buttons of a hand."""

    def __init__(self, config: ButtonConfig) -> None:
        self._config = config
        self._index = {action: index for action, index in config.mapped().items() if index >= 0}
        self._buttons = {action: Button(config.debounce_s) for action in self._index}

    def update(self, pressed: tuple[bool, ...], recording: bool, mono_ns: int) -> Wishes:
        """The wishes of this tick; `recording` decides what the record button means."""
        toggle, commands = False, []
        for action, index in self._index.items():
            down = index < len(pressed) and pressed[index]
            hit, held_s = self._buttons[action].update(down, mono_ns)
            if action == "gripper":
                toggle = hit
            elif action == "record":
                commands += self._record(held_s, recording)
            elif hit:
                commands.append(action)
        return Wishes(toggle, tuple(commands))

    def _record(self, held_s: float | None, recording: bool) -> list[str]:
        if held_s is None:
            return []
        if held_s >= self._config.long_press_s:
            return ["discard"]
        return ["success" if recording else "start"]
