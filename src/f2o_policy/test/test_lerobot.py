"""LeRobotDataset v3.0 and back. That lerobot's own loader reads what is written is said in docs/training.md."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from f2o_policy.data.lerobot.export import export_lerobot
from f2o_policy.data.lerobot.format import merge, statistics
from f2o_policy.data.lerobot.load import import_lerobot
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.data.windows import interpolate
from f2o_policy.errors import DatasetError, FullDiskError
from PIL import Image
from rerun.experimental import LeRobotReader
from toys import JOINTS, VIEWS, episode

FPS = 125.0  # above the rate of the observations: each is nearest to some frame


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng, path = np.random.default_rng(2), tmp_path_factory.mktemp("data") / "set"
    with DatasetWriter(path) as writer:
        for index in range(3):
            meta = {"source": f"bag{index}", "side": "left"} | (
                {"task": "stow the cube"} if index == 2 else {}
            )
            writer.add_episode(*episode(rng, observations=6 + index, start_ns=10**18 + index * 10**11), meta)
    return path


@pytest.fixture
def exported(data, tmp_path):
    export_lerobot(data, tmp_path / "lr", FPS, "reach")
    return tmp_path / "lr"


def read(path):
    return pq.read_table(path).to_pydict()


def info(root, **changes):
    file = root / "meta" / "info.json"
    tree = json.loads(file.read_text()) | changes
    file.write_text(json.dumps(tree))
    return tree


def test_the_layout_is_that_of_version_3(exported):
    tree = info(exported)
    assert (tree["codebase_version"], tree["fps"], tree["total_episodes"]) == ("v3.0", 125, 3)
    assert tree["features"]["observation.state"]["names"] == [*JOINTS, "gripper_width"]
    assert {f"observation.images.{v}" for v in VIEWS} <= set(tree["features"])
    frames = read(exported / "data/chunk-000/file-000.parquet")
    assert len(frames["index"]) == tree["total_frames"]
    assert frames["index"] == list(range(tree["total_frames"]))
    assert set(frames) == set(tree["features"])
    episodes = read(exported / "meta/episodes/chunk-000/file-000.parquet")
    assert episodes["dataset_to_index"][:-1] == episodes["dataset_from_index"][1:]
    assert [t[0] for t in episodes["tasks"]] == ["reach", "reach", "stow the cube"]
    assert read(exported / "meta/tasks.parquet") == {"task_index": [0, 1], "task": ["reach", "stow the cube"]}
    assert not exported.with_name("lr.part").exists()


def test_frames_lie_on_a_uniform_clock_and_hold_what_was_then(data, exported):
    source, frames = Dataset(data), read(exported / "data/chunk-000/file-000.parquet")
    rows = [i for i, e in enumerate(frames["episode_index"]) if e == 1]
    one = source.episodes[1]
    seen, sent = slice(*one.observations), slice(*one.commands)
    start = source["stamps"][one.observations[0]]
    for i in rows:
        k = frames["frame_index"][i]
        assert frames["timestamp"][i] == pytest.approx(k / FPS, abs=1e-6)
        at = np.array([start + round(k / FPS * 1e9)])
        action = interpolate(source["command_stamps"][sent], source["commands"][sent], at)[0]
        assert frames["action"][i] == pytest.approx(action, abs=1e-6)
        nearest = one.observations[0] + int(np.abs(source["stamps"][seen] - at).argmin())
        assert frames["stamp_ns"][i] == source["stamps"][nearest]
        png = frames["observation.images.front"][i]["bytes"]
        assert np.array_equal(
            np.asarray(Image.open(io.BytesIO(png))), source["rgb"][nearest, VIEWS.index("front")]
        )


def test_the_reader_of_rerun_finds_every_episode_and_view(exported):
    reader = LeRobotReader(exported)
    assert (reader.version, reader.episodes()) == ("v3", [0, 1, 2])
    found = {str(chunk.entity_path) for chunk in reader.stream(1).to_chunks()}
    views = {f"/observation.{kind}.{view}" for kind in ("images", "depth") for view in VIEWS}
    assert views | {"/action", "/observation.state"} <= found


def test_it_comes_back_as_it_was(data, exported, tmp_path):
    report = import_lerobot(exported, tmp_path / "back")
    assert (report.converted, report.present) == (3, 0)
    before, after = Dataset(data), Dataset(tmp_path / "back", verify=True)
    for name in ("rgb", "depth_mm", "points", "stamps", "view_stamps", "joints"):
        assert np.array_equal(before[name], after[name]), name
    assert [e.meta for e in before.episodes] == [e.meta for e in after.episodes]
    for a, b in zip(before.episodes, after.episodes, strict=True):
        old, new = slice(*a.commands), slice(*b.commands)
        again = interpolate(
            before["command_stamps"][old], before["commands"][old], after["command_stamps"][new]
        )
        assert np.abs(after["commands"][new] - again).max() < 1e-6
    assert import_lerobot(exported, tmp_path / "back").present == 3


def test_observations_between_two_frames_are_left_out_at_a_lower_rate(data, tmp_path):
    export_lerobot(data, tmp_path / "lr", 10.0)
    import_lerobot(tmp_path / "lr", tmp_path / "back")
    assert len(Dataset(tmp_path / "back")) < len(Dataset(data))


def test_an_export_does_not_overwrite_and_leaves_no_half(data, exported, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match=r"lr: exists already; give the export a new folder"):
        export_lerobot(data, exported)

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(FullDiskError, match="No space left on device"):
        export_lerobot(data, tmp_path / "other")
    assert not list(tmp_path.glob("other*"))
    with pytest.raises(DatasetError, match=r"fps: expected > 0, got 0"):
        export_lerobot(data, tmp_path / "none", 0.0)


def without(*names):
    return lambda tree: {"features": {k: v for k, v in tree["features"].items() if k not in names}}


WRONG = [
    (
        lambda _: {"codebase_version": "v2.1"},
        r"codebase_version: expected v3\.0, got v2\.1; convert it with lerobot",
    ),
    (lambda _: {"fps": 0}, r"meta/info\.json: fps: expected > 0, got 0"),
    (
        without("observation.state", "action"),
        r"lacks observation\.state, action; the policy needs colour of one view at least",
    ),
    (lambda _: {"features": {"action": {"dtype": "float32"}}}, r"features: action: shape: expected a list"),
    (lambda _: {"fps": None}, r"meta/info\.json: fps: expected > 0, got None"),
    (lambda _: {"data_path": "data/{file}.parquet"}, r"'file' is unknown in the path data/\{file\}\.parquet"),
    (lambda _: {"data_path": "../../{chunk_index}{file_index}.parquet"}, r"leads out of the data set"),
]


@pytest.mark.parametrize(("change", "text"), WRONG)
def test_what_cannot_be_imported_is_one_sentence(exported, tmp_path, change, text):
    info(exported, **change(info(exported)))
    with pytest.raises(DatasetError, match=text):
        import_lerobot(exported, tmp_path / "back")


def test_damaged_files_are_named(exported, tmp_path):
    with pytest.raises(DatasetError, match=r"has no meta/info\.json; expected the root of a LeRobotDataset"):
        import_lerobot(tmp_path / "nowhere", tmp_path / "back")
    file = exported / "data/chunk-000/file-000.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"data/chunk-000/file-000\.parquet cannot be read"):
        import_lerobot(exported, tmp_path / "back")
    file.unlink()
    with pytest.raises(DatasetError, match=r"file-000\.parquet is missing; download the data set again"):
        import_lerobot(exported, tmp_path / "back")


def test_a_data_set_of_others_may_have_depth_in_metres_and_no_stamps(exported, tmp_path):
    file = exported / "data/chunk-000/file-000.parquet"
    table = pq.read_table(file).drop_columns(["time_ns", "stamp_ns", "view_stamps_ns", "stamp_joints"])
    key = "observation.depth.front"
    index = table.column_names.index(key)
    table = table.set_column(
        index, key, pa.array([[1.5] * (32 * 32)] * len(table), pa.list_(pa.float32(), 32 * 32))
    )
    pq.write_table(table, file)
    tree = without("time_ns", "stamp_ns", "view_stamps_ns", "stamp_joints")(info(exported))
    tree["features"][key] = {
        "dtype": "float32",
        "shape": [32, 32],
        "names": None,
        "info": {"depth_unit": "m"},
    }
    info(exported, **tree)
    import_lerobot(exported, tmp_path / "back")
    back = Dataset(tmp_path / "back", verify=True)
    assert (back["depth_mm"][:, VIEWS.index("front")] == 1500).all()
    assert np.diff(back["stamps"][: back.episodes[0].observations[1]]) == pytest.approx(8e6, abs=1)


def test_statistics_of_episodes_merge_to_those_of_all():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 3)) for n in (20, 50)]
    merged = merge([statistics(p, "float32") for p in parts])
    whole = np.concatenate(parts)
    for name, value in (
        ("mean", whole.mean(0)),
        ("std", whole.std(0)),
        ("min", whole.min(0)),
        ("max", whole.max(0)),
    ):
        assert merged[name] == pytest.approx(value), name
    assert merged["count"].tolist() == [70]
