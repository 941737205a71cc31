"""A key of a Linux input device as switch: a foot pedal (to Linux a keyboard), a joystick's or a SpaceMouse's button.

Source: python-evdev. What counts is the kernel's state of the key (EVIOCGKEY), asked each time, and not its events:
none can be lost, and a device that is unplugged is an error at the next question.
"""

from __future__ import annotations

import contextlib
from typing import Any

from f2o_teleop.errors import SwitchError
from f2o_teleop.switch import EnableConfig

KEYS = 1  # EV_KEY


class Pedal:
    """One key of one input device; ``device`` is evdev's ``InputDevice``."""

    def __init__(self, device: Any, code: int, name: str) -> None:
        self._device, self._code, self._name = device, code, name

    def held(self) -> bool:
        """Whether the key is down now.

        Raises:
            SwitchError: the device is gone.
        """
        try:
            return self._code in self._device.active_keys()
        except OSError as error:
            raise SwitchError(f"enable switch: {self._name} has disappeared ({error.strerror})") from None

    def close(self) -> None:
        """Close the device, which gives it back to others."""
        with contextlib.suppress(OSError):  # unplugged
            self._device.close()


def open_pedal(config: EnableConfig) -> Pedal:
    """The key that the configuration names.

    Raises:
        SwitchError: evdev is missing, there is no such device or key, or no permission to open it.
    """
    try:
        import evdev
    except ImportError as error:
        raise SwitchError(
            f"enable switch: Python package evdev is not usable ({error}): pip install evdev==1.9.2, or apt install "
            "python3-evdev"
        ) from None
    code = evdev.ecodes.ecodes.get(config.key)
    if code is None or not config.key.startswith(("KEY_", "BTN_")):
        raise SwitchError(
            f"enable switch: key: expected a name like KEY_B or BTN_TRIGGER, got {config.key!r}"
        )
    device = _device(evdev, config.device)
    try:
        if code not in device.capabilities().get(KEYS, ()):
            raise SwitchError(
                f"enable switch: {device.name} has no {config.key}; `evtest` shows which it has"
            )
        if config.grab:
            device.grab()
    except OSError as error:
        device.close()
        raise SwitchError(
            f"enable switch: {device.name} cannot be had alone ({error.strerror}): end what reads it, or grab: false"
        ) from None
    except SwitchError:
        device.close()
        raise
    return Pedal(device, code, device.name)


def _device(evdev: Any, wanted: str) -> Any:
    """The input device of a name or path."""
    if wanted.startswith("/"):
        return _opened(evdev, wanted)
    names = []
    for path in evdev.list_devices():  # those that this user may open
        device = _opened(evdev, path)
        if device.name == wanted:
            return device
        names.append(device.name)
        device.close()
    raise SwitchError(
        f"enable switch: no input device {wanted!r} that may be opened (see config/71-f2o.rules); there "
        f"are: {', '.join(sorted(set(names))) or 'none'}"
    )


def _opened(evdev: Any, path: str) -> Any:
    try:
        return evdev.InputDevice(path)
    except OSError as error:
        raise SwitchError(f"enable switch: {path} cannot be opened ({error.strerror})") from None
