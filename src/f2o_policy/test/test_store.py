"""The data set on disk: what goes in comes out, crashes cost one episode at most, damage is named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.errors import DatasetError
from toys import JOINTS, VIEWS, episode, observation, write_dataset


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_round_trip(tmp_path, rng):
    episodes = [episode(rng, observations=n, start_ns=10**18 + n) for n in (3, 5)]
    with DatasetWriter(tmp_path) as writer:
        for number, (seen, stamps, commands) in enumerate(episodes):
            writer.add_episode(seen, stamps, commands, {"source": f"bag{number}", "side": "left"})
    data = Dataset(tmp_path, verify=True)
    assert (len(data), data.view_names, data.joint_names, data.image_size) == (8, VIEWS, JOINTS, 32)
    assert [e.observations for e in data.episodes] == [(0, 3), (3, 8)]
    assert data.episodes[1].meta == {"source": "bag1", "side": "left"}
    seen, stamps, commands = episodes[1]
    first, last = data.episodes[1].commands
    assert np.array_equal(data["commands"][first:last], commands)
    assert np.array_equal(data["command_stamps"][first:last], stamps)
    for row, o in enumerate(seen, start=3):
        assert np.array_equal(data["rgb"][row], o.rgb)
        assert np.array_equal(data["depth_mm"][row], o.depth_mm)
        assert np.array_equal(data["joints"][row], [*o.joint_positions, o.gripper_width])
        assert np.abs(data["points"][row] - o.points).max() < 2.5e-4  # [m]
        assert data["stamps"][row] == o.stamp_ros_ns


def test_the_same_episodes_have_the_same_hash_and_others_another(tmp_path):
    a, b, c = (Dataset(write_dataset(tmp_path / n, 2, seed)) for n, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert a.sha256 == b.sha256 != c.sha256


def test_a_closed_data_set_can_be_continued(tmp_path, rng):
    write_dataset(tmp_path, episodes=1)
    with DatasetWriter(tmp_path) as writer:
        assert writer.sources == {"toy0"}
        writer.add_episode(*episode(rng), {"source": "more"})
    assert len(Dataset(tmp_path, verify=True).episodes) == 2


def test_rows_of_an_episode_that_a_crash_cut_are_dropped(tmp_path, rng):
    write_dataset(tmp_path, episodes=2)
    before = Dataset(tmp_path).sha256
    for name in ("rgb", "joints"):
        with (tmp_path / f"{name}.npy").open("ab") as file:
            file.write(b"half an episode")
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"observations": 3')
    DatasetWriter(tmp_path).close()
    assert Dataset(tmp_path, verify=True).sha256 == before


def test_damage_is_named(tmp_path):
    write_dataset(tmp_path, episodes=3)
    with (tmp_path / "commands.npy").open("r+b") as file:
        file.seek(-8, 2)
        file.write(b"\0" * 8)
    Dataset(tmp_path)
    with pytest.raises(DatasetError, match=rf"data set {tmp_path}: episode 2 does not match its sha256"):
        Dataset(tmp_path, verify=True)


def test_missing_and_short_files_are_named(tmp_path):
    with pytest.raises(DatasetError, match=r"manifest\.json cannot be read \(No such file or directory\)"):
        Dataset(tmp_path / "nowhere")
    write_dataset(tmp_path, episodes=1)
    file = tmp_path / "rgb.npy"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DatasetError, match=r"rgb\.npy cannot be read \(.*\); convert again"):
        Dataset(tmp_path)
    file.unlink()
    with pytest.raises(DatasetError, match=r"rgb\.npy is shorter than its journal says"):
        DatasetWriter(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text()) | {"schema": "zarr"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match=r"expected schema f2o_dataset/1, got 'zarr'"):
        Dataset(tmp_path)


def test_episodes_that_training_could_not_use_are_refused(tmp_path, rng):
    seen, stamps, commands = episode(rng)
    writer = DatasetWriter(tmp_path)
    with pytest.raises(DatasetError, match="episode has 0 observations and 42 commands"):
        writer.add_episode([], stamps, commands, {})
    with pytest.raises(DatasetError, match="command_stamps of an episode do not increase"):
        writer.add_episode(seen, stamps[::-1].copy(), commands, {})
    with pytest.raises(DatasetError, match="commands of an episode are not finite"):
        writer.add_episode(seen, stamps, np.where(commands == commands[3], np.nan, commands), {})
    writer.add_episode(seen, stamps, commands, {})
    other = observation(rng, 5, np.zeros(7))
    fewer = [replace(other, points=other.points[:7])]
    with pytest.raises(DatasetError, match=r"episode has layout .* the data set has .*; use another folder"):
        writer.add_episode(fewer, stamps, commands, {})
