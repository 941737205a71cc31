"""HID reports of a file or a pipe, and the keyboard, as teleop devices."""

import argparse
import io
import os
import threading
import time

import numpy as np
import pytest
from f2o_teleop.device import DeviceReading
from f2o_teleop.errors import ScriptError
from f2o_teleop.hidfile import ReplayedHid, copy_reports, load_reports
from f2o_teleop.keyboard import AXIS_OF_KEY, KeyboardDevice
from f2o_teleop.teleop import Teleop, make_device
from f2o_teleop.teleop_config import TeleopConfig

from f2o_teleop import device_command, spacemouse

S = 10**9
REPORTS = """
0.00 01 5e01 0000 0000   # fully to the right
0.02 03 0200
0.05 03 0000
0.10 010000000000000000000000 00
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hand.hid"
    path.write_text(REPORTS)
    return path


def test_a_file_is_played_as_a_device(file):
    device = make_device(TeleopConfig(source="hidfile", script=str(file)))
    seen, deadline = [], time.monotonic() + 5.0
    while time.monotonic() < deadline and not (seen and seen[0].axes.any() and not seen[-1].axes.any()):
        reading = device.read(time.monotonic_ns(), True)
        if not reading.status and (seen or reading.axes.any()):
            seen.append(reading)
    device.close()
    assert seen[0].axes.tolist() == [0, -1, 0, 0, 0, 0]
    assert any(len(r.buttons) > 1 and r.buttons[1] for r in seen)
    assert not seen[-1].axes.any() and not any(seen[-1].buttons)


def test_reports_come_when_they_are_due_and_again_when_asked():
    now = 7 * S
    device = ReplayedHid([(0.0, b"\x01a"), (0.5, b"\x01b")], repeat=True, mono_ns=lambda: now)
    assert bytes(device.read(64, 1)) == b"\x01a"
    assert device.read(64, 1) == []
    now += S // 2
    assert bytes(device.read(64, 1)) == b"\x01b"
    assert bytes(device.read(64, 1)) == b"\x01a"
    once = ReplayedHid([(0.0, b"\x01a")], mono_ns=lambda: now)
    assert bytes(once.read(64, 1)) == b"\x01a"
    assert once.read(64, 1) == []


def test_what_a_device_says_can_be_recorded_and_read_again(file, tmp_path):
    device, out = ReplayedHid(load_reports(file)), io.StringIO()
    ended = threading.Event()
    seen = []
    for report in copy_reports(device, out.write, ended.is_set):
        seen.append(report)
        if len(seen) == 4:
            ended.set()
    copied = tmp_path / "copy.hid"
    copied.write_text(out.getvalue())
    assert [r for _, r in load_reports(copied)] == seen == [r for _, r in load_reports(file)]
    np.testing.assert_allclose([t for t, _ in load_reports(copied)], [0, 0.02, 0.05, 0.10], atol=0.05)


def until(device, meets):
    deadline = time.monotonic() + 5.0
    while not meets(reading := device.read(time.monotonic_ns(), True)):
        assert time.monotonic() < deadline, reading
    return reading


def test_a_pipe_is_a_device_that_another_program_speaks_for(tmp_path):
    path = tmp_path / "hand"
    os.mkfifo(path)
    device = make_device(TeleopConfig(source="hidfile", script=str(path)))
    for _ in range(2):  # the writer may go and come again
        with path.open("w") as out:
            out.write("0 015e0100000000\n0 0302")
            out.flush()
            until(device, lambda r: r.axes[1] == -1.0)
            out.write("00\n0 01000000000000\n")
        assert until(device, lambda r: not r.axes.any()).buttons[1]
    for line in ("no report", "", "0.1"):
        with path.open("w") as out:
            out.write(f"{line}\n")
        until(device, lambda r: r.status.startswith("SpaceMouse: disappeared"))
        until(device, lambda r: not r.status)  # it is found again
    device.close()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected HID reports, got none"),
        ("0.1 xyz", "line 1: expected seconds and bytes in hex, got '0.1 xyz'"),
        ("0.1", "line 1: expected seconds and bytes in hex"),
        ("0.1 01\n0.05 01", "line 2: expected a time not before that of the last report"),
        ("nan 01", "line 1: expected a time not before"),
    ],
)
def test_a_file_that_is_none_is_said_in_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "x.hid"
    path.write_text(text)
    with pytest.raises(ScriptError, match=r"^[^\n]*$") as raised:
        load_reports(path)
    assert sentence in str(raised.value)
    with pytest.raises(ScriptError, match="not a readable file of HID reports"):
        load_reports(tmp_path / "nowhere")


def test_a_key_deflects_its_axis_until_it_is_released():
    device = KeyboardDevice(hold_s=0.3)
    assert device.offer_key("i", 0) and device.offer_key("J", 0) and not device.offer_key("s", 0)
    assert device.read(S // 10, True).axes.tolist() == [1, 0, 0, -1, 0, 0]
    device.offer_key("k", S // 5)  # the other way takes over
    assert device.read(S // 4, True).axes.tolist() == [-1, 0, 0, -1, 0, 0]
    assert device.read(S, True).axes.tolist() == [0] * 6
    device.offer_key("u", S)
    device.offer_key(" ", S)
    assert not device.read(S, True).axes.any()
    assert sorted(AXIS_OF_KEY.values()) == sorted((axis, sign) for axis in range(6) for sign in (1.0, -1.0))


def test_keys_without_an_axis_stay_commands():
    teleop = Teleop(TeleopConfig(source="keyboard", keys={"s": "start"}), device := KeyboardDevice())
    for key in "si":
        teleop.offer_key(key)
    tick = teleop.tick(time.monotonic_ns())
    assert tick.commands == ("start",)
    assert (
        isinstance(reading := device.read(time.monotonic_ns(), True), DeviceReading)
        and reading.axes[0] == 1.0
    )


def f2o_spacemouse(monkeypatch, device, *words):
    monkeypatch.setattr(spacemouse, "open_first", lambda: device)
    root = argparse.ArgumentParser()
    device_command.add(root.add_subparsers())
    arguments = root.parse_args(["spacemouse", *map(str, words)])
    return arguments.run(arguments)


class Unplugged(ReplayedHid):
    """Says its reports, then is gone."""

    def read(self, max_length, timeout_ms):
        if self._next == len(self._reports):
            raise OSError("read error")
        return super().read(max_length, timeout_ms)


def test_the_command_shows_and_records_until_the_device_goes(monkeypatch, file, tmp_path, capsys):
    out = tmp_path / "new.hid"
    with pytest.raises(ScriptError, match=r"SpaceMouse: disappeared, or .* \(read error\)"):
        f2o_spacemouse(monkeypatch, Unplugged(load_reports(file)), "--record", out)
    assert "y -1.00" in capsys.readouterr().out
    assert [r for _, r in load_reports(out)] == [r for _, r in load_reports(file)]
    with pytest.raises(ScriptError, match=r"new.hid: exists already"):
        f2o_spacemouse(monkeypatch, Unplugged(load_reports(file)), "--record", out)
