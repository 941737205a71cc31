import os
import pty
import queue
import termios
import types

import numpy as np
import pytest
from f2o_nodekit.config import ConfigError, load_config
from f2o_nodekit.paths import config_file
from f2o_nodekit.robot import read_robot
from f2o_nodekit.testing import problems
from f2o_teleop.device import DeviceReading, ScriptedDevice, SpacenavDevice
from f2o_teleop.ik import DifferentialIk
from f2o_teleop.jog import Jog, JogTarget, Measured
from f2o_teleop.keyboard import KeyboardDevice
from f2o_teleop.keys import Keys
from f2o_teleop.mapping import MappingConfig, TwistMapping
from f2o_teleop.spacemouse import SpaceMouse
from f2o_teleop.teleop import Teleop, make_device
from f2o_teleop.teleop_config import TeleopConfig, Workspace

from f2o_teleop import convert

TICK_NS = 8_000_000
HOME = read_robot("panda").home
HOME_Q = np.array(HOME)
FORWARD = np.array([1.0, 0, 0, 0, 0, 0])
REST = np.zeros(6)


@pytest.fixture
def jog():
    return Jog(DifferentialIk(), TwistMapping(MappingConfig()))


def follow(jog, axes, ticks, measured=HOME_Q, width=0.08):
    """The arm follows perfectly from `measured` on."""
    for _ in range(ticks):
        target = jog.step(axes, False, Measured(measured, width), True)
        measured = target.positions
    return target


def test_the_target_stays_with_the_arm_until_it_follows_and_then_starts_there(jog):
    measured = HOME_Q + 0.1
    target = jog.step(FORWARD, True, Measured(measured, 0.03), False)
    np.testing.assert_array_equal(target.positions, measured)
    assert (target.velocities.any(), target.gripper_width) == (False, 0.03)
    first = jog.step(FORWARD, False, Measured(measured, 0.03), True)
    assert 0 < np.abs(first.positions - measured).max() < 0.01
    assert first.gripper_width == 0.03


def test_a_deflection_moves_the_tcp_its_way_at_its_speed(jog):
    ik = DifferentialIk()
    start = ik.forward(HOME_Q)
    target = follow(jog, FORWARD, 125)
    moved = (ik.forward(target.positions) - start)[:3, 3]
    assert moved[0] == pytest.approx(0.25, abs=0.01)
    assert np.abs(moved[1:]).max() < 5e-3
    again = jog.step(FORWARD, False, Measured(target.positions, 0.08), True)
    np.testing.assert_allclose(again.velocities, (again.positions - target.positions) / 0.008)


def test_the_gripper_toggles_between_open_and_closed(jog):
    toggles = (False, True, False, True)
    widths = [jog.step(REST, toggle, Measured(HOME_Q, 0.05), True).gripper_width for toggle in toggles]
    assert widths == [0.05, 0.0, 0.0, 0.08]


def test_the_target_waits_for_an_arm_that_does_not_come(jog):
    held = Measured(HOME_Q, 0.08)
    for _ in range(500):
        target = jog.step(FORWARD, False, held, True)
    assert 0.2 < np.abs(target.positions - HOME_Q).max() < 0.3
    assert jog.lag_rad > 0.2


def test_no_jump_when_the_mode_comes_and_goes(jog):
    target = follow(jog, FORWARD, 50)
    elsewhere = target.positions + 0.2  # a person moved the arm meanwhile
    jog.step(FORWARD, False, Measured(elsewhere, 0.08), False)
    again = jog.step(FORWARD, False, Measured(elsewhere, 0.08), True)
    assert np.abs(again.positions - elsewhere).max() < 0.02


def make_teleop(script, **changes):
    return Teleop(TeleopConfig(keys={"s": "start", "g": "gripper"}, **changes), ScriptedDevice(script))


def test_no_target_while_the_arm_cannot_be_seen():
    teleop = make_teleop(lambda t: DeviceReading(FORWARD))
    assert teleop.tick(0).target is None
    teleop.offer_joints(HOME_Q, 0)
    assert teleop.tick(TICK_NS).target is not None
    assert teleop.tick(300_000_000).target is None


def test_a_gripper_that_cannot_be_read_is_not_told_to_open():
    teleop = make_teleop(lambda t: DeviceReading(FORWARD))
    teleop.offer_joints(HOME_Q, 0)
    teleop.unread_gripper = "/franka_gripper/joint_states: expected 2 positions for 2 names"
    assert teleop.tick(0).target is None
    assert teleop.no_target(0, "") == (2, f"no targets: {teleop.unread_gripper}")
    teleop.offer_width(0.03)
    assert teleop.tick(0).target.gripper_width == 0.03
    assert teleop.no_target(0, "") == (0, "")  # from now on the last width is known


def test_why_there_is_no_target_is_told_with_its_size():
    teleop = make_teleop(lambda t: DeviceReading(FORWARD))
    assert teleop.no_target(0, "") == (1, "waiting for the first joint state")
    why = "/franka/joint_states: no position for panda_joint1, only for fr3_joint1"
    assert teleop.no_target(0, why) == (2, f"no targets: {why}")
    teleop.offer_joints(HOME_Q, 0)
    assert teleop.no_target(TICK_NS, why) == (0, "")
    limit_s = TeleopConfig().max_joint_state_age_s
    told = f"no targets: no joint state for 0.3 s; {limit_s:g} s is the most"
    assert teleop.no_target(300_000_000, "") == (2, told)


def test_targets_follow_only_in_mode_teleop():
    teleop = make_teleop(lambda t: DeviceReading(FORWARD))
    for tick in range(20):  # at rest
        teleop.offer_joints(HOME_Q, tick * TICK_NS)
        teleop.tick(tick * TICK_NS)
    for mode, moves in (("policy", False), ("teleop", True), ("hold", False)):
        teleop.mode = mode
        teleop.offer_joints(HOME_Q, 20 * TICK_NS)
        target = teleop.tick(20 * TICK_NS).target
        assert (not np.array_equal(target.positions, HOME_Q)) is moves


def test_buttons_and_keys_become_commands():
    teleop = make_teleop(lambda t: DeviceReading(REST, (False, t < 0.3)))
    teleop.mode = "teleop"
    teleop.offer_joints(HOME_Q, 0)
    teleop.offer_width(0.08)
    assert teleop.tick(0).commands == ()
    teleop.recording = True
    assert teleop.tick(400_000_000).commands == ("success",)
    for key in "s?g":
        teleop.offer_key(key)
    teleop.offer_joints(HOME_Q, 400_000_000)
    tick = teleop.tick(400_000_000 + TICK_NS)
    assert (tick.commands, tick.target.gripper_width) == (("start",), 0.0)


def test_the_status_of_the_device_is_passed_on():
    teleop = make_teleop(lambda t: DeviceReading(REST, (), "unplugged"))
    teleop.mode = "teleop"
    teleop.offer_joints(HOME_Q, 0)
    assert teleop.tick(0).target is None
    assert teleop.device_status == "unplugged"


def test_each_source_has_its_device(tmp_path):
    script = tmp_path / "s.yaml"
    script.write_text("- {duration_s: 1}")
    kinds = {
        "scripted": ScriptedDevice, "spacenav": SpacenavDevice, "spacemouse": SpaceMouse, "keyboard": KeyboardDevice
    }  # fmt: skip
    for source, kind in kinds.items():
        device = make_device(TeleopConfig(source=source, script=str(script)))
        assert type(device) is kind
        device.close()


def test_the_installed_configuration_is_legal():
    path = config_file("teleop.yaml")
    assert load_config(TeleopConfig, path).keys["y"] == "success"


def test_every_wrong_key_is_reported(tmp_path):
    path = tmp_path / "teleop.yaml"
    path.write_text("source: mouse\nrate_hz: 5\nvelocity_scale: 0.0\nclosed_width: 0.1\nkeys: {ab: go}\n")
    with pytest.raises(ConfigError) as raised:
        load_config(TeleopConfig, path)
    assert raised.value.problems == [
        "source: expected one of spacemouse, spacenav, keyboard, scripted, hidfile, got 'mouse'",
        "rate_hz: expected a number from 10 to 1000, got 5",
        "velocity_scale: expected a number above 0 and at most 1, got 0.0",
    ]
    path.write_text("closed_width: 0.1\nkeys: {ab: go}\n")
    with pytest.raises(ConfigError) as raised:
        load_config(TeleopConfig, path)
    assert raised.value.problems == [
        "keys.ab: expected one character for one of start, stop, save, discard, success, failure, gripper, "
        "give_back (with labels as JSON, if any), got 'go'",
        "closed_width: expected less than open_width (0.08), got 0.1",
    ]
    assert problems(TeleopConfig, keys={"1": 'success {"strategy": "left"}', "g": "gripper"}) == []
    (problem,) = problems(TeleopConfig, keys={"1": "success left"})
    assert problem.endswith("(with labels as JSON, if any), got 'success left'")
    assert problems(TeleopConfig, source="scripted") == [
        "script: expected the path of a YAML file, got nothing"
    ]
    assert problems(TeleopConfig, source="hidfile") == [
        "script: expected the path of a file of HID reports, got nothing"
    ]
    assert problems(TeleopConfig, source="keyboard", keys={"i": "start"}) == [
        "keys: i move the arm when the source is the keyboard; expected others"
    ]
    assert problems(Workspace, x=(0.5, 0.1)) == ["x: expected lower < upper, got [0.5, 0.1]"]


def test_keys_come_from_a_terminal_and_it_is_given_back():
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    typed = queue.Queue()
    keys = Keys(typed.put, slave)
    os.write(master, b"sy")
    assert [typed.get(timeout=5) for _ in range(2)] == ["s", "y"]
    keys.close()
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_without_a_terminal_there_are_no_keys():
    read, write = os.pipe()
    Keys(lambda key: None, read).close()
    os.close(read)
    os.close(write)


def test_a_target_says_whose_it_is_how_many_there_were_and_where_to_be():
    message = types.SimpleNamespace(header=types.SimpleNamespace(stamp=None, frame_id=""))
    jog = JogTarget(np.arange(7.0), np.full(7, 0.1), 0.04)
    filled = convert.fill_target(message, jog, "now", 3)
    assert (filled.source, filled.sequence, filled.header.stamp) == ("teleop", 3, "now")
    assert filled.header.frame_id == ""
    assert (filled.joint_positions.tolist(), filled.gripper_width) == (list(range(7)), 0.04)
    assert filled.joint_velocities.tolist() == [0.1] * 7


@pytest.mark.parametrize("text", ["", "[]", "{}", "7"])
def test_a_state_that_is_none_is_no_state(text):
    assert convert.episode_state(text) == ""
    assert convert.episode_state('{"state": "recording", "index": 3}') == "recording"
