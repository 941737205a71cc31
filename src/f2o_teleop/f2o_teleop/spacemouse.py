"""3Dconnexion SpaceMouse over HID: reports to readings, and a thread that survives unplugging.

Sources: products and report layouts from pyspacemouse's devices.toml, spacenavd's and libndof's lists.
A report is its number and its content, little endian: 1 translation (3 x int16), 2 rotation (3 x int16), 3 buttons
(bit field). Wireless and newer models put all six axes into report 1. Raw axes: x right, y to the operator, z down.
"""

import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_teleop.device import DeviceReading, at_rest
from f2o_teleop.errors import TeleopError

LOGITECH, THREEDCONNEXION = 0x046D, 0x256F
PRODUCTS = {
    (LOGITECH, 0xC603): "SpaceMouse Plus XT",
    (LOGITECH, 0xC605): "CadMan",
    (LOGITECH, 0xC606): "SpaceMouse Classic",
    (LOGITECH, 0xC621): "Spaceball 5000",
    (LOGITECH, 0xC623): "SpaceTraveler",
    (LOGITECH, 0xC625): "SpacePilot",
    (LOGITECH, 0xC626): "SpaceNavigator",
    (LOGITECH, 0xC627): "SpaceExplorer",
    (LOGITECH, 0xC628): "SpaceNavigator for Notebooks",
    (LOGITECH, 0xC629): "SpacePilot Pro",
    (LOGITECH, 0xC62B): "SpaceMouse Pro",
    (LOGITECH, 0xC640): "NuLOOQ",
    (THREEDCONNEXION, 0xC62C): "LIPARI",
    (THREEDCONNEXION, 0xC62E): "SpaceMouse Wireless (cable)",
    (THREEDCONNEXION, 0xC62F): "SpaceMouse Wireless (receiver)",
    (THREEDCONNEXION, 0xC631): "SpaceMouse Pro Wireless (cable)",
    (THREEDCONNEXION, 0xC632): "SpaceMouse Pro Wireless (receiver)",
    (THREEDCONNEXION, 0xC633): "SpaceMouse Enterprise",
    (THREEDCONNEXION, 0xC635): "SpaceMouse Compact",
    (THREEDCONNEXION, 0xC636): "SpaceMouse Module",
    (THREEDCONNEXION, 0xC638): "SpaceMouse Pro Wireless (Bluetooth)",
    (THREEDCONNEXION, 0xC63A): "SpaceMouse Wireless (2022)",
    (THREEDCONNEXION, 0xC641): "SpaceMouse USB",
    (THREEDCONNEXION, 0xC652): "Universal Receiver",
}
FULL_DEFLECTION = 350.0  # counts; some units reach a little more
MULTI_AXIS = (1, 8)  # HID usage page and usage of the interface that carries the axes
# A cap that is held keeps reporting; so long a silence while it is deflected means that the link is lost.
SILENCE_NS = 300_000_000
UDEV_RULE = (
    'KERNEL=="hidraw*", KERNELS=="*:%04X:%04X.*", TAG+="uaccess"'  # who is logged in; by cable or Bluetooth
)


class DeviceError(TeleopError):
    """No SpaceMouse could be opened; the text says what to do."""


@runtime_checkable
class HidDevice(Protocol):
    """The part of hidapi's device that is used."""

    def read(self, max_length: int, timeout_ms: int) -> list[int]:
        """One report, or nothing after the timeout; OSError or ValueError when the device is gone."""

    def close(self) -> None:
        """Close the device."""


class ReportDecoder:
    """Keeps axes and buttons up to date from reports of either layout."""

    def __init__(self) -> None:
        self._raw = np.zeros(
            6
        )  # counts: x right, y towards the operator, z down, and the rotations about them
        self._buttons: tuple[bool, ...] = ()

    def feed(self, report: bytes) -> bool:
        """Take in one report; False when it has neither axes nor buttons (battery, unknown, truncated)."""
        kind, content = report[:1], report[1:]
        if kind == b"\x01" and len(content) >= 12:
            self._raw[:] = struct.unpack_from("<6h", content)
        elif kind == b"\x01" and len(content) >= 6:
            self._raw[:3] = struct.unpack_from("<3h", content)
        elif kind == b"\x02" and len(content) >= 6:
            self._raw[3:] = struct.unpack_from("<3h", content)
        elif kind == b"\x03" and content:
            self._buttons = tuple(bool(byte >> bit & 1) for byte in content for bit in range(8))
        else:
            return False
        return True

    def reading(self) -> DeviceReading:
        """The present state in f2o's axes."""
        x, y, z, rx, ry, rz = self._raw
        axes = np.array([-y, -x, -z, -ry, -rx, -rz]) / FULL_DEFLECTION
        return DeviceReading(np.clip(axes, -1.0, 1.0), self._buttons)


def open_first() -> HidDevice:
    """The first SpaceMouse that is plugged in.

    Raises:
        DeviceError: hidapi is missing, no device is plugged in, or there is no permission to open it.
    """
    try:
        import hid
    except ImportError as error:
        raise DeviceError(
            f"SpaceMouse: Python package hidapi is not usable ({error}): pip install hidapi"
        ) from None
    found = [entry for entry in hid.enumerate() if (entry["vendor_id"], entry["product_id"]) in PRODUCTS]
    if not found:
        raise DeviceError("SpaceMouse: none plugged in (no known product of vendor 256f or 046d)")
    found.sort(key=lambda entry: (entry["usage_page"], entry["usage"]) != MULTI_AXIS)
    return _open(hid, found[0])


def _open(hid: Any, entry: dict[str, Any]) -> HidDevice:
    device = hid.device()
    try:
        device.open_path(entry["path"])
    except OSError:
        name = PRODUCTS[entry["vendor_id"], entry["product_id"]]
        raise DeviceError(
            f"SpaceMouse: {name} may not be opened: stop spacenavd if it runs, and copy config/71-f2o.rules to "
            f"/etc/udev/rules.d, whose line for it is {UDEV_RULE % (entry['vendor_id'], entry['product_id'])}"
        ) from None
    return device


class SpaceMouse:
    """A SpaceMouse as teleop device; it is looked for again every `retry_s` while it is missing."""

    def __init__(self, open_device: Callable[[], HidDevice] = open_first, retry_s: float = 1.0) -> None:
        """Start the reading thread; a missing device is a status, not an error."""
        self._open, self._retry_s = open_device, retry_s
        self._newest = (at_rest("SpaceMouse: not opened yet"), 0)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spacemouse", daemon=True)
        self._thread.start()

    def read(self, mono_ns: int, following: bool) -> DeviceReading:
        """The newest reading; at rest when a deflected cap no longer reports."""
        reading, stamp = self._newest
        if reading.axes.any() and mono_ns - stamp > SILENCE_NS:
            silent_s = (mono_ns - stamp) / NS_PER_S
            return at_rest(f"SpaceMouse: no report for {silent_s:.1f} s while deflected", reading.buttons)
        return reading

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._read_until_end(self._open())
            except Exception as error:  # whatever it is becomes the status, and the device is opened again
                known = isinstance(error, DeviceError | OSError)
                status = str(error) if known else f"SpaceMouse: {type(error).__name__}: {error}"
                self._newest = (at_rest(status), 0)
                self._end.wait(self._retry_s)

    def _read_until_end(self, device: HidDevice) -> None:
        """Read until the device is gone or ``close`` is called.

        Raises:
            DeviceError: the device is gone.
        """
        decoder = ReportDecoder()
        self._newest = (decoder.reading(), time.monotonic_ns())
        try:
            while not self._end.is_set():
                report = bytes(device.read(64, 100))
                if report and decoder.feed(report):
                    self._newest = (decoder.reading(), time.monotonic_ns())
        except (OSError, ValueError) as error:  # unplugged; hidapi raises either
            raise DeviceError(f"SpaceMouse: disappeared ({error})") from error
        finally:
            device.close()
