"""Demonstrations without ROS: what a recording and a conversion would have given, and twice the same."""

import numpy as np
import pytest
from f2o_bringup.cli import main
from f2o_policy.action_space import ROTATION
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import WindowConfig, Windows


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two demonstrations by two processes."""
    return demonstrate(tmp_path_factory.mktemp("two") / "data", 2, processes=2)


def demonstrate(out, episodes, processes=1):
    words = ["demonstrate", "--out", out, "--episodes", episodes, "--seed", 7, "--camera-hz", 10]
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in [*words, "--processes", processes]])
    assert ended.value.code == 0
    return Dataset(out, verify=True)


def test_processes_and_interruptions_do_not_change_the_data(data, tmp_path):
    first = demonstrate(tmp_path / "data", 1)
    assert [e.meta["source"] for e in first.episodes] == ["reach_around/7"]
    both = demonstrate(tmp_path / "data", 2)
    assert both.sha256 == data.sha256 != first.sha256
    assert demonstrate(tmp_path / "data", 2).sha256 == data.sha256  # nothing is missing: nothing is played


def test_a_frame_rate_that_is_none_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["demonstrate", "--out", str(tmp_path / "data"), "--camera-hz", "0"])
    assert ended.value.code == 2
    assert "argument --camera-hz: expected a number above 0, got 0" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_it_is_a_demonstration_from_the_start_to_the_lift(data):
    assert data.view_names == ("wrist", "external_1", "external_2")
    for episode in data.episodes:
        assert episode.meta["success"] and episode.meta["side"] == episode.meta["strategy"]
        seen, sent = slice(*episode.observations), slice(*episode.commands)
        joints, commands = data["joints"][seen], data["commands"][sent]
        np.testing.assert_allclose(
            commands[0, :7], joints[0, :7], atol=0.02
        )  # a frame later it has hardly moved
        assert commands[0, 7] > 0.07 and commands[-1, 7] < 0.01 < joints[-1, 7]  # open, closed, on a cube
        assert np.abs(np.diff(commands[:, :7], axis=0)).max() < 0.02  # 2.5 rad/s
        first, last = data["stamps"][seen][[0, -1]]
        assert 4 < (last - first) / 1e9 < 12
        sent_stamps = data["command_stamps"][sent]
        assert set(np.diff(sent_stamps)) == {8_000_000}
        assert sent_stamps[0] <= first and last <= sent_stamps[-1]


def test_a_window_holds_what_was_commanded_after_its_images(data):
    windows = Windows(data, WindowConfig(horizon=4, validation_fraction=0.0))
    row = len(data) // 4
    window = windows.window(row)
    sent = np.searchsorted(data["command_stamps"][: data.episodes[0].commands[1]], data["stamps"][row])
    np.testing.assert_allclose(window.actions[0], data["commands"][sent], atol=0.02)
    np.testing.assert_allclose(window.proprio, data["joints"][row], atol=1e-12)


def test_poses_of_the_tool_come_back_to_the_demonstrated_joints(data):
    """The expert moves by the teleop node's inverse kinematics, whose law for the elbow is that of ``TcpSpace``."""
    joints = Windows(data, WindowConfig(validation_fraction=0.0))
    poses = Windows(data, WindowConfig(validation_fraction=0.0, action_space="tcp"))
    apart = []
    for row in range(0, len(data), 3):
        window = poses.window(row)
        found, out_of_reach = poses.tcp.joints(window.actions[None], window.proprio, 0.1)
        assert out_of_reach == 0
        there = poses.tcp.actions(found[0])
        np.testing.assert_allclose(there[:, :3], window.actions[:, :3], atol=1e-3)
        np.testing.assert_allclose(there[:, ROTATION], window.actions[:, ROTATION], atol=3e-3)
        apart.append(np.abs(found[0] - joints.window(row).actions)[:, :7].max(1))
    assert np.max(apart, axis=0)[0] < 0.005 and np.max(apart) < 0.05  # rad: now, and 1.5 s ahead
