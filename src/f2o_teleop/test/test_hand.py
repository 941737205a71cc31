import numpy as np
import pytest
from f2o_teleop.errors import ScriptError
from f2o_teleop.hand import HandReading, ScriptedHand, SpacenavHand, at_rest, load_script

S = 10**9


def test_a_script_starts_when_the_arm_first_follows(tmp_path):
    path = tmp_path / "script.yaml"
    path.write_text(
        "- {duration_s: 1.0, axes: [1, 0, 0, 0, 0, 0]}\n"
        "- {duration_s: 0.5, axes: [0, 0, -0.5, 0, 0, 0], buttons: [1]}\n"
    )
    hand = ScriptedHand(load_script(path))
    assert not hand.read(5 * S, False).axes.any()
    assert hand.read(10 * S, True).axes[0] == 1.0
    assert hand.read(10 * S + S // 2, False).axes[0] == 1.0  # time goes on once it has begun
    late = hand.read(11 * S + S // 4, True)
    assert (late.axes[2], late.buttons) == (-0.5, (False, True))
    assert hand.read(12 * S, True).buttons == ()
    hand.close()


def test_a_script_may_be_a_function():
    hand = ScriptedHand(lambda t: HandReading(np.full(6, min(t, 1.0))))
    hand.read(0, True)
    assert hand.read(S // 4, True).axes[3] == 0.25


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
    hand = SpacenavHand(silence_s=0.2)
    assert hand.read(0, True).status.startswith("nothing on spacenav/twist")
    hand.offer_axes(np.array([2.0, 0.5, 0, 0, 0, np.nan]), 10 * S)
    hand.offer_buttons((True,))
    reading = hand.read(10 * S + S // 10, True)
    assert (reading.axes.tolist(), reading.buttons, reading.status) == ([1.0, 0.5, 0, 0, 0, 0], (True,), "")
    late = hand.read(10 * S + S // 4, True)
    assert (late.axes.any(), bool(late.status)) == (False, True)


def test_at_rest_is_at_rest():
    assert not at_rest("why").axes.any()
