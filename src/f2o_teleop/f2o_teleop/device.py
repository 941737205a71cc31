"""Teleop devices: one interface for all, scripted readings, and spacenav."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import yaml
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_teleop.errors import ScriptError

AXES = ("x", "y", "z", "roll", "pitch", "yaw")
Axes = Float64[np.ndarray, "6"]


@dataclass(frozen=True)
class DeviceReading:
    """Deflection of the six axes, each in [-1, 1]: x forward, y left, z up, roll, pitch, yaw; and the buttons."""

    axes: Axes
    buttons: tuple[bool, ...] = ()
    status: str = ""  # '' while the device works; else a sentence, and neither axes nor buttons mean anything


def at_rest(status: str = "", buttons: tuple[bool, ...] = ()) -> DeviceReading:
    """A reading that moves nothing."""
    return DeviceReading(np.zeros(6), buttons, status)


@runtime_checkable
class TeleopDevice(Protocol):
    """A source of readings. A failure is a status and zero axes, never an exception."""

    def read(self, mono_ns: int, following: bool) -> DeviceReading:
        """The newest reading at monotonic time `mono_ns`; `following`: the arm follows the targets now."""

    def close(self) -> None:
        """Close the device."""


class ScriptedDevice:
    """Readings of a script, from the moment the arm first follows; at rest before and after."""

    def __init__(self, script: Callable[[float], DeviceReading]) -> None:
        """`script` maps seconds since the start to a reading."""
        self._script = script
        self._start_mono_ns: int | None = None

    def read(self, mono_ns: int, following: bool) -> DeviceReading:
        """The script's reading."""
        if self._start_mono_ns is None and following:
            self._start_mono_ns = mono_ns
        if self._start_mono_ns is None:
            return at_rest()
        return self._script((mono_ns - self._start_mono_ns) / NS_PER_S)

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Segment:
    """A reading held for some time."""

    until_s: float
    reading: DeviceReading


def load_script(path: Path) -> Callable[[float], DeviceReading]:
    """A script from YAML: a list of {duration_s, axes: [6 numbers], buttons: [indices pressed]}.

    Raises:
        ScriptError: no such file, not YAML, or a malformed segment.
    """
    try:
        entries = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ScriptError(f"{path}: not a readable script: {error}") from None
    if not isinstance(entries, list):
        raise ScriptError(f"{path}: expected a list of segments, got {entries!r}")
    segments: list[Segment] = []
    for number, entry in enumerate(entries):
        start = segments[-1].until_s if segments else 0.0
        segments.append(_segment(entry, start, f"{path}: segment {number}"))
    return lambda seconds: next((s.reading for s in segments if seconds < s.until_s), at_rest())


def _segment(entry: Any, start_s: float, where: str) -> Segment:
    expected = "expected {duration_s: above 0, axes: [6 numbers in -1..1], buttons: [indices]}"
    try:
        duration = float(entry["duration_s"])
        axes = np.array(entry.get("axes", [0.0] * 6), dtype=np.float64)
        pressed = [int(index) for index in entry.get("buttons", [])]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise ScriptError(f"{where}: {expected}, got {entry!r}") from None
    if not duration > 0 or axes.shape != (6,) or not (np.abs(axes) <= 1).all() or min(pressed, default=0) < 0:
        raise ScriptError(f"{where}: {expected}, got {entry!r}")
    buttons = tuple(index in pressed for index in range(max(pressed, default=-1) + 1))
    return Segment(start_s + duration, DeviceReading(axes, buttons))


class SpacenavDevice:
    """Readings of the ROS node spacenav, offered as they arrive; silence means that the device has failed."""

    def __init__(self, silence_s: float = 0.2) -> None:
        """`silence_s`: spacenav sends at 30 Hz even at rest, so a longer gap means a failure."""
        self._silence_ns = round(silence_s * NS_PER_S)
        self._axes: tuple[Axes, int] | None = None
        self._buttons: tuple[bool, ...] = ()

    def offer_axes(self, axes: Axes, mono_ns: int) -> None:
        """A twist of spacenav, whose default scales give [-1, 1]."""
        self._axes = (np.clip(np.nan_to_num(axes), -1.0, 1.0), mono_ns)

    def offer_buttons(self, buttons: tuple[bool, ...]) -> None:
        """The buttons of spacenav/joy."""
        self._buttons = buttons

    def read(self, mono_ns: int, following: bool) -> DeviceReading:
        """The newest twist, unless it is too old."""
        newest = self._axes
        if newest is None or mono_ns - newest[1] > self._silence_ns:
            return at_rest("nothing on spacenav/twist: is spacenav running, and spacenavd?", self._buttons)
        return DeviceReading(newest[0], self._buttons)

    def close(self) -> None:
        """Nothing to close."""
