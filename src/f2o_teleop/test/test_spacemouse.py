import builtins
import sys
import threading
import time
import types

import numpy as np
import pytest
from f2o_teleop.spacemouse import PRODUCTS, DeviceError, ReportDecoder, SpaceMouse, open_first

from f2o_teleop import spacemouse

# Reports in the two layouts of real devices: number, then int16 little endian. SpaceNavigator and Compact send axes in
# two reports of 7 bytes; wireless models, receivers and the Enterprise send 13 bytes.
SPLIT = [
    bytes.fromhex("01 5e01 0000 0000"),  # x = +350: fully to the right
    bytes.fromhex("02 0000 0000 51ff"),  # turned about the down axis by -175
    bytes.fromhex("03 0200"),
]
COMBINED = [bytes.fromhex("01 0000 a2fe 51ff af00 0000 0000")]  # y -350: pushed away; z -175: lifted; rx +175
WAIT_S = 5.0


def decode(reports):
    decoder = ReportDecoder()
    assert all(decoder.feed(report) for report in reports)
    return decoder.reading()


def test_split_reports():
    reading = decode(SPLIT)
    np.testing.assert_allclose(reading.axes, [0, -1, 0, 0, 0, 0.5])  # right is -y, a left turn is +yaw
    assert reading.buttons[:4] == (False, True, False, False)
    assert reading.status == ""


def test_combined_report():
    np.testing.assert_allclose(decode(COMBINED).axes, [1, 0, 0.5, 0, -0.5, 0])


def test_axes_are_clipped_at_full_deflection():
    assert decode([bytes.fromhex("01 0080 ff7f 0000")]).axes.tolist() == [-1, 1, 0, 0, 0, 0]


def test_a_release_returns_to_exactly_zero():
    axes = decode([*SPLIT, bytes.fromhex("01 0000 0000 0000"), bytes.fromhex("02 0000 0000 0000")]).axes
    assert not axes.any()


@pytest.mark.parametrize(
    "report", [b"", b"\x01", bytes.fromhex("01 5e01"), bytes.fromhex("17 64"), b"\x03", b"\x63abcdef"]
)
def test_reports_that_say_nothing_change_nothing(report):
    decoder = ReportDecoder()
    decoder.feed(SPLIT[0])
    before = decoder.reading()
    assert not decoder.feed(report)
    np.testing.assert_array_equal(decoder.reading().axes, before.axes)


class FakeDevice:
    """Plays reports, then fails as an unplugged device does, or stays silent."""

    def __init__(self, reports, then=None):
        self.reports, self.then = list(reports), then
        self.played, self.closed = threading.Event(), threading.Event()

    def read(self, max_length, timeout_ms):
        if self.reports:
            return list(self.reports.pop(0))
        if self.then is not None:
            raise self.then
        self.played.set()
        self.closed.wait(0.001)
        return []

    def close(self):
        self.closed.set()


def stamp(mouse):
    return mouse._newest[1]


def test_reports_become_readings():
    device = FakeDevice(SPLIT)
    mouse = SpaceMouse(lambda: device)
    assert device.played.wait(WAIT_S)
    reading = mouse.read(stamp(mouse), True)
    assert reading.axes[1] == -1.0
    assert reading.buttons[1]
    mouse.close()
    assert device.closed.is_set()


def test_a_deflected_cap_that_falls_silent_stops():
    device = FakeDevice(SPLIT)
    mouse = SpaceMouse(lambda: device)
    assert device.played.wait(WAIT_S)
    late = mouse.read(stamp(mouse) + 400_000_000, True)
    assert not late.axes.any()
    assert late.status == "SpaceMouse: no report for 0.4 s while deflected"
    mouse.close()


@pytest.mark.parametrize("error", [OSError("read error"), ValueError("not open"), IndexError("?")])
def test_a_device_that_disappears_stops_and_is_found_again(error):
    second = FakeDevice(COMBINED)
    devices = [FakeDevice(SPLIT, then=error), second]
    seen_missing = threading.Event()

    def open_device():
        if len(devices) == 1 and not seen_missing.is_set():
            seen_missing.set()
            raise DeviceError("SpaceMouse: none plugged in")
        return devices.pop(0)

    mouse = SpaceMouse(open_device, retry_s=0.005)
    assert seen_missing.wait(WAIT_S)
    assert second.played.wait(WAIT_S)
    reading = mouse.read(stamp(mouse), True)
    np.testing.assert_allclose(reading.axes, [1, 0, 0.5, 0, -0.5, 0])  # nothing of the first device is left
    mouse.close()


def test_whatever_goes_wrong_is_a_status():
    mouse = SpaceMouse(lambda: FakeDevice([], then=IndexError("out of range")), retry_s=1.0)
    deadline = time.monotonic() + WAIT_S
    while "SpaceMouse: IndexError: out of range" not in (reading := mouse.read(0, True)).status:
        assert time.monotonic() < deadline, reading
    mouse.close()


def test_a_missing_device_is_a_status_and_zero_axes():
    def missing():
        raise DeviceError("SpaceMouse: none plugged in")

    mouse = SpaceMouse(missing, retry_s=0.001)
    mouse._end.wait(0.02)
    reading = mouse.read(0, True)
    assert (reading.status, reading.axes.any()) == ("SpaceMouse: none plugged in", False)
    mouse.close()


def fake_hid(monkeypatch, entries, opens=True):
    opened = []

    class Handle:
        def open_path(self, path):
            if not opens:
                raise OSError("open failed")
            opened.append(path)

        def read(self, max_length, timeout_ms):
            return []

        def close(self):
            pass

    module = types.SimpleNamespace(enumerate=lambda: entries, device=Handle)
    monkeypatch.setitem(sys.modules, "hid", module)
    return opened


def entry(product, path, usage=(1, 8), vendor=0x256F):
    return {
        "vendor_id": vendor,
        "product_id": product,
        "path": path,
        "usage_page": usage[0],
        "usage": usage[1],
    }


def test_the_interface_with_the_axes_is_opened(monkeypatch):
    mouse_and_keys = [
        entry(0xC652, b"keys", (1, 6)),
        entry(0xC652, b"axes"),
        entry(0xC07D, b"other", vendor=0x046D),
    ]
    opened = fake_hid(monkeypatch, mouse_and_keys)
    open_first()
    assert opened == [b"axes"]


def test_every_reason_for_no_device_is_a_sentence(monkeypatch):
    fake_hid(monkeypatch, [entry(0xC07D, b"a mouse", vendor=0x046D)])
    with pytest.raises(DeviceError, match="none plugged in"):
        open_first()
    fake_hid(monkeypatch, [entry(0xC635, b"x")], opens=False)
    with pytest.raises(
        DeviceError, match=r"SpaceMouse Compact may not be opened: stop spacenavd .*256F:C635.*uaccess"
    ):
        open_first()

    def no_hid(name, *args, **kwargs):
        if name == "hid":
            raise ImportError("libhidapi-hidraw.so.0: cannot open shared object file")
        return real(name, *args, **kwargs)

    real = builtins.__import__
    monkeypatch.delitem(sys.modules, "hid")
    monkeypatch.setattr(builtins, "__import__", no_hid)
    with pytest.raises(DeviceError, match=r"hidapi is not usable \(libhidapi-hidraw"):
        open_first()


def test_the_installed_hidapi_is_the_one_that_is_called():
    hid = pytest.importorskip("hid")
    assert callable(hid.enumerate)
    assert {"open_path", "read", "close"} <= set(dir(hid.device))


def test_products_are_of_the_two_vendors():
    assert {vendor for vendor, _ in PRODUCTS} == {spacemouse.LOGITECH, spacemouse.THREEDCONNEXION}
    assert PRODUCTS[0x046D, 0xC626] == "SpaceNavigator"
