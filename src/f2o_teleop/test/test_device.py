import numpy as np
import pytest
from f2o_teleop.device import DeviceReading, ScriptedDevice, SpacenavDevice, at_rest, load_script
from f2o_teleop.errors import ScriptError

S = 10**9


def test_a_script_starts_when_the_arm_first_follows(tmp_path):
    path = tmp_path / "script.yaml"
    path.write_text(
        "- {duration_s: 1.0, axes: [1, 0, 0, 0, 0, 0]}\n"
        "- {duration_s: 0.5, axes: [0, 0, -0.5, 0, 0, 0], buttons: [1]}\n"
    )
    device = ScriptedDevice(load_script(path))
    assert not device.read(5 * S, False).axes.any()
    assert device.read(10 * S, True).axes[0] == 1.0
    assert device.read(10 * S + S // 2, False).axes[0] == 1.0  # time goes on once it has begun
    late = device.read(11 * S + S // 4, True)
    assert (late.axes[2], late.buttons) == (-0.5, (False, True))
    assert device.read(12 * S, True).buttons == ()
    device.close()


def test_a_script_may_be_a_function():
    device = ScriptedDevice(lambda t: DeviceReading(np.full(6, min(t, 1.0))))
    device.read(0, True)
    assert device.read(S // 4, True).axes[3] == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1}", r"expected a list of segments, got \{'a': 1\}"),
        ("- {axes: [0, 0, 0, 0, 0, 0]}", r"segment 0: expected \{duration_s"),
        ("- {duration_s: 1}\n- {duration_s: -1}", r"segment 1: expected \{duration_s"),
        ("- {duration_s: 1, axes: [0, 0]}", "segment 0"),
        ("- {duration_s: 1, axes: [0, 0, 0, 0, 0, 2]}", "segment 0"),
        ("- {duration_s: 1, axes: [0, 0, 0, 0, 0, .nan]}", "segment 0"),
        ("- {duration_s: 1, buttons: [-1]}", "segment 0"),
        ("- fast", "segment 0"),
        ("[", "not a readable script"),
    ],
)
def test_wrong_scripts_are_explained(tmp_path, text, message):
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(ScriptError, match=message):
        load_script(path)


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(ScriptError, match=r"none\.yaml: not a readable script"):
        load_script(tmp_path / "none.yaml")


def test_spacenav_silence_stops_the_arm():
    device = SpacenavDevice(silence_s=0.2)
    assert device.read(0, True).status.startswith("nothing on spacenav/twist")
    device.offer_axes(np.array([2.0, 0.5, 0, 0, 0, np.nan]), 10 * S)
    device.offer_buttons((True,))
    reading = device.read(10 * S + S // 10, True)
    assert (reading.axes.tolist(), reading.buttons, reading.status) == ([1.0, 0.5, 0, 0, 0, 0], (True,), "")
    late = device.read(10 * S + S // 4, True)
    assert (late.axes.any(), bool(late.status)) == (False, True)


def test_at_rest_is_at_rest():
    assert not at_rest("why").axes.any()
