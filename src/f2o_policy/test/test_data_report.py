"""The page about a data set: its numbers from data whose faults are known, its pictures and its table."""

import json
from dataclasses import replace

import numpy as np
import pytest
from f2o_policy.data import report
from f2o_policy.data.report import episode_statistics, gripper_moves, summarise, tool_path, write_data_report
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.errors import DatasetError
from f2o_policy.page import Tool
from toys import HZ_NS, JOINTS, episode, write_dataset

from f2o_bringup import cli

TOOL = Tool(JOINTS)


@pytest.fixture
def faulty(tmp_path):
    """Three episodes; the second misses three observations and has a camera that lags by 20 ms."""
    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "data") as writer:
        for index, strategy in enumerate(("left", "right", "left")):
            seen, stamps, commands = episode(rng, 20, 10**18 + index * 10**11)
            commands[:, -1] = np.where(np.arange(len(commands)) < 40, 0.08, 0.0)
            if index == 1:
                del seen[4:7]
                lagging = np.array([0, 20_000_000]) + seen[5].stamp_ros_ns
                seen[5] = replace(seen[5], view_stamps_ros_ns=lagging)
                commands[:, -1] = 0.08
            meta = {"source": f"toy{index}", "strategy": strategy, "success": "true"}
            writer.add_episode(seen, stamps, commands, meta)
    return Dataset(tmp_path / "data")


def test_faults_are_seen(faulty):
    facts = [episode_statistics(faulty, e, tool_path(faulty, e, TOOL)) for e in faulty.episodes]
    assert [f.worst_gap_ms for f in facts] == pytest.approx([33.0, 132.0, 33.0])
    assert [f.worst_skew_ms for f in facts] == pytest.approx([0.0, 20.0, 0.0])
    assert [f.gripper_moves for f in facts] == [1, 0, 1]
    assert facts[0].observation_hz == pytest.approx(1e9 / HZ_NS)
    assert facts[0].command_hz == pytest.approx(125.0)
    summary = summarise(facts)
    assert summary["strategies"] == {"left": 2, "right": 1}
    right = summary["by_strategy"]["right"]
    assert (right["episodes"], right["success"], right["gripper_moves_median"]) == (1, {"true": 1}, 0.0)
    assert summary["by_strategy"]["left"]["gripper_moves_median"] == 1.0
    assert summary["without_gripper_moves"] == [1]
    assert (summary["worst_gap_ms"], summary["worst_skew_ms"]) == (132.0, 20.0)


def test_the_path_is_the_tools(faulty):
    way = tool_path(faulty, faulty.episodes[0], TOOL)
    assert way.shape[1] == 3
    assert (
        0.2 < np.linalg.norm(way, axis=1).min() < np.linalg.norm(way, axis=1).max() < 1.3
    )  # within a Panda's reach


def test_only_moves_that_lead_somewhere_and_stay_count():
    still = np.full(50, 0.08)
    assert gripper_moves(still) == 0
    assert gripper_moves(np.concatenate([still, [0.02], still])) == 0  # a blip
    assert (
        gripper_moves(np.concatenate([still, np.linspace(0.08, 0.0, 100), 0 * still])) == 1
    )  # one slow closing
    assert gripper_moves(np.concatenate([still, 0 * still, still])) == 2
    assert gripper_moves(np.concatenate([still, still - 0.005])) == 0


def test_of_an_unknown_arm_joints_are_shown_and_no_way_is_claimed(faulty):
    tool = Tool([f"ur_joint{i}" for i in range(6)])
    assert tool.axes[0] == "ur_joint0 [rad]"
    np.testing.assert_array_equal(tool.positions(np.arange(8.0)[None]), [[0, 1, 2]])
    assert episode_statistics(faulty, faulty.episodes[0], None).path_m is None


def test_the_page_stands_alone(faulty, tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        cli.main(["data-report", str(faulty.path), "--out", str(tmp_path / "out")])
    assert done.value.code == 0
    assert "strategies" in capsys.readouterr().out
    text = (tmp_path / "out/report.html").read_text()
    assert text.count("data:image/png;base64,") == 4
    assert text.count("<tr>") == 4
    assert len(json.loads((tmp_path / "out/report.json").read_text())["episodes"]) == 3


def test_episodes_without_labels_are_drawn_too(tmp_path):
    write_dataset(tmp_path / "data")
    assert write_data_report(tmp_path / "data", tmp_path / "out")["strategies"] == {"unnamed": 4}


def test_an_episode_that_cannot_be_described_is_named_and_the_others_are_drawn(faulty, tmp_path, monkeypatch):
    describe = report.episode_statistics

    def fail(dataset, episode, path):
        return describe(dataset, episode, path) if episode.index != 1 else 1 / 0

    monkeypatch.setattr(report, "episode_statistics", fail)
    found = write_data_report(faulty.path, tmp_path / "out")
    assert (found["episodes"], found["strategies"]) == (2, {"left": 2})
    assert found["left_out"] == ["episode 1 (toy1): ZeroDivisionError: division by zero"]
    monkeypatch.setattr(report, "episode_statistics", lambda *_: 1 / 0)
    with pytest.raises(DatasetError, match=r"none of 3 episodes can be described: episode 0 \(toy0\): Zero"):
        write_data_report(faulty.path, tmp_path / "none")


def test_what_is_no_data_set_is_said(tmp_path):
    with pytest.raises(DatasetError, match="none"):
        write_data_report(tmp_path / "none", tmp_path / "out")
