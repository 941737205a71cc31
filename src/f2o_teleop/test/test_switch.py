"""The hold-to-run switch: keys of input devices, and what is said of them."""

import re
import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from f2o_nodekit.paths import config_file
from f2o_nodekit.robot import read_robot
from f2o_nodekit.testing import problems
from f2o_teleop.device import DeviceReading, at_rest
from f2o_teleop.errors import SwitchError
from f2o_teleop.mapping import ButtonConfig
from f2o_teleop.pedal import open_pedal
from f2o_teleop.spacemouse import PRODUCTS, UDEV_RULE
from f2o_teleop.switch import EnableConfig, HoldToRun
from f2o_teleop.teleop import Teleop
from f2o_teleop.teleop_config import TeleopConfig

KEY_A, KEY_B, BTN_TRIGGER = 30, 48, 288  # linux/input-event-codes.h
S = 1_000_000_000


class InputDevice:
    """evdev's, of a pedal and of a keyboard; plugged in or not."""

    plugged: ClassVar = {"/dev/input/event3": "keyboard", "/dev/input/event7": "PCsensor FootSwitch"}
    down: ClassVar[set[int]] = set()
    taken = False

    def __init__(self, path):
        if path not in self.plugged:
            raise OSError(2, "No such file or directory")
        self.path, self.name, self.grabbed, self.closed = path, self.plugged[path], False, False

    def capabilities(self):
        return {1: [KEY_A, KEY_B] if self.name == "keyboard" else [KEY_B]}

    def grab(self):
        if self.taken:
            raise OSError(16, "Device or resource busy")
        self.grabbed = True

    def active_keys(self):
        if self.path not in self.plugged:
            raise OSError(19, "No such device")
        return sorted(self.down)

    def close(self):
        self.closed = True


@pytest.fixture
def inputs(monkeypatch):
    monkeypatch.setattr(InputDevice, "plugged", dict(InputDevice.plugged))
    monkeypatch.setattr(InputDevice, "down", set())
    opened = []

    def make(path):
        opened.append(InputDevice(path))
        return opened[-1]

    codes = {"KEY_A": KEY_A, "KEY_B": KEY_B, "BTN_TRIGGER": BTN_TRIGGER, "EV_KEY": 1}
    fake = types.SimpleNamespace(
        ecodes=types.SimpleNamespace(ecodes=codes),
        list_devices=lambda: list(InputDevice.plugged),
        InputDevice=make,
    )
    monkeypatch.setitem(sys.modules, "evdev", fake)
    return opened


def pedal(**changes):
    return open_pedal(EnableConfig(**{"device": "PCsensor FootSwitch", **changes}))


def test_a_pedal_is_held_while_its_key_is_down(inputs):
    switch = pedal()
    assert not switch.held()
    InputDevice.down.add(KEY_B)
    assert switch.held()
    InputDevice.down.clear()
    assert not switch.held()
    assert [device.grabbed for device in inputs] == [False, True]  # the keyboard stays everybody's
    assert [device.closed for device in inputs] == [True, False]
    switch.close()
    assert inputs[-1].closed


def test_by_its_path_and_shared(inputs):
    assert not pedal(device="/dev/input/event7", grab=False).held()
    assert [device.grabbed for device in inputs] == [False]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"device": "pedal"}, "no input device 'pedal' that may be opened (see config/71-f2o.rules); there are: "
         "PCsensor FootSwitch, keyboard"),
        ({"device": "/dev/input/event9"}, "/dev/input/event9 cannot be opened (No such file or directory)"),
        ({"key": "KEY_A"}, "PCsensor FootSwitch has no KEY_A; `evtest` shows which it has"),
        ({"key": "pedal"}, "key: expected a name like KEY_B or BTN_TRIGGER, got 'pedal'"),
        ({"key": "EV_KEY"}, "key: expected a name like KEY_B or BTN_TRIGGER, got 'EV_KEY'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(inputs, changes, text):
    with pytest.raises(SwitchError, match=f"^enable switch: {re.escape(text)}$"):
        pedal(**changes)


def test_one_that_another_program_holds_is_refused_and_closed(inputs, monkeypatch):
    monkeypatch.setattr(InputDevice, "taken", True)
    busy = re.escape("cannot be had alone (Device or resource busy): end what reads it, or grab: false")
    with pytest.raises(SwitchError, match=busy):
        pedal()
    assert inputs[-1].closed


def test_without_evdev_the_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(
        SwitchError, match=r"Python package evdev is not usable .*: pip install evdev==1.9.2, or apt"
    ):
        pedal()


def test_one_that_is_unplugged_is_released_found_again_and_pressed_anew(inputs):
    switch = HoldToRun(pedal)
    assert not switch.held(0)
    InputDevice.down.add(KEY_B)
    assert switch.held(S) and switch.status == ""
    name = InputDevice.plugged.pop("/dev/input/event7")
    assert not switch.held(2 * S)
    assert switch.status == "enable switch: PCsensor FootSwitch has disappeared (No such device)"
    assert not switch.held(3 * S)
    assert switch.status.startswith("enable switch: no input device 'PCsensor FootSwitch'")
    InputDevice.plugged["/dev/input/event7"] = name
    assert not switch.held(3 * S + 1)  # looked for once a second
    assert not switch.held(5 * S)  # found, and still down
    assert switch.status == "enable switch: held since it was found; release it once"
    assert not switch.held(6 * S)
    InputDevice.down.clear()
    assert not switch.held(7 * S)
    InputDevice.down.add(KEY_B)
    assert switch.held(8 * S) and switch.status == ""


def test_a_configuration_without_a_device_is_refused():
    (problem,) = problems(EnableConfig)
    assert (
        problem.startswith("device: expected the name or the path of an input device")
        and "enable:=false" in problem
    )
    assert problems(EnableConfig, device="pedal", rate_hz=10) == [
        "rate_hz: expected a number from 20 to 1000, got 10"
    ]


class Device:
    reading = at_rest()

    def read(self, mono_ns, following):
        return self.reading

    def close(self):
        pass


def test_a_button_of_the_teleop_device_is_a_switch_too():
    device = Device()
    teleop = Teleop(TeleopConfig(buttons=ButtonConfig(enable=2)), device)
    teleop.offer_joints(np.array(read_robot("panda").home), 0)
    for buttons, held in (((), False), ((False, False, True), True), ((False, False, False), False)):
        device.reading = DeviceReading(np.zeros(6), buttons)
        assert teleop.tick(0).enabled is held
    device.reading = at_rest("SpaceMouse: disappeared", (False, False, True))
    assert not teleop.tick(0).enabled
    device.reading = DeviceReading(np.zeros(6), (False, False, True))
    assert teleop.tick(10**10).enabled  # whatever becomes of the joint states
    assert problems(ButtonConfig, enable=0) == ["gripper: expected each button once, got [0, 1, 0]"]


def rules() -> list[str]:
    lines = Path(config_file("71-f2o.rules")).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_udev_rules_name_every_product_and_open_it_to_who_is_logged_in_alone():
    hid = [line for line in rules() if "hidraw" in line]
    assert sorted(hid) == sorted(UDEV_RULE % product for product in PRODUCTS)
    for line in rules():
        assert line.endswith(', TAG+="uaccess"') and "MODE" not in line and "GROUP" not in line
        named = re.search(r'KERNELS=="\*:[0-9A-F]{4}:[0-9A-F]{4}\.\*"', line) or re.search(
            r'ATTRS\{idVendor\}=="[0-9a-f]{4}", ATTRS\{idProduct\}=="[0-9a-f]{4}"', line
        )
        assert named, line
