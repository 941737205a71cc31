"""LeRobotDatasets as others write them: other images, videos, gaps, units; one bad episode does not end the rest."""

import io

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from f2o_policy.data.lerobot.export import export_lerobot
from f2o_policy.data.lerobot.load import import_lerobot
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import WindowConfig
from f2o_policy.errors import DatasetError
from f2o_policy.training.checks import check_fits
from f2o_policy.training.config import Config
from PIL import Image
from test_lerobot import FPS, info, without
from toys import TINY, write_dataset

WRIST, FRONT = "observation.images.wrist", "observation.images.front"
OURS = ("time_ns", "stamp_ns", "view_stamps_ns", "stamp_joints")
EPISODES = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "set", EPISODES)


@pytest.fixture
def source(data, tmp_path):
    export_lerobot(data, tmp_path / "lr", FPS, "reach")
    return tmp_path / "lr"


def frames_file(root):
    return next((root / "data").glob("*/*.parquet"))


def episodes_file(root):
    return next((root / "meta/episodes").glob("*/*.parquet"))


def change(path, key, values, kind=None):
    """Write other ``values`` into a column of a parquet file."""
    table = pq.read_table(path)
    index = table.schema.get_field_index(key)
    kind = kind or table.schema.field(index).type
    pq.write_table(table.set_column(index, key, pa.array(values, kind)), path)


def recode(root, key, how):
    """Pass the images of a view through ``how``."""
    cells = pq.read_table(frames_file(root))[key].to_pylist()
    for cell in cells:
        how(Image.open(io.BytesIO(cell["bytes"]))).save(file := io.BytesIO(), "PNG")
        cell["bytes"] = file.getvalue()
    change(frames_file(root), key, cells)


def foreign(root):
    """Take away what only our exports have."""
    table = pq.read_table(frames_file(root))
    pq.write_table(table.drop_columns(list(OURS)), frames_file(root))
    info(root, **without(*OURS)(info(root)))
    table = pq.read_table(episodes_file(root))
    pq.write_table(table.drop_columns(["f2o_meta"]), episodes_file(root))


def of_episode(root, episode):
    """The rows of the frames of an episode."""
    return np.flatnonzero(np.array(pq.read_table(frames_file(root))["episode_index"]) == episode)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "LA", "1"])
def test_colour_images_of_other_modes_become_three_channels(data, source, tmp_path, mode):
    for key in (WRIST, FRONT):
        recode(source, key, lambda image: image.convert(mode))
    import_lerobot(source, tmp_path / "back")
    back, before = Dataset(tmp_path / "back", verify=True), Dataset(data)
    assert back["rgb"].shape == before["rgb"].shape
    told = [np.asarray(Image.fromarray(x).convert(mode).convert("RGB")) for x in before["rgb"][0]]
    assert np.array_equal(back["rgb"][0], told)


def test_views_of_different_sizes_are_scaled_when_asked(data, source, tmp_path):
    recode(source, FRONT, lambda image: image.resize((24, 16)))
    with pytest.raises(DatasetError, match="episode 0: images are 24 x 16; expected square ones"):
        import_lerobot(source, tmp_path / "back")
    recode(source, FRONT, lambda image: image.resize((16, 16)))
    text = r"views differ in size \(wrist 32 px, front 16 px\); expected one size, or --image-size"
    with pytest.raises(DatasetError, match=text):
        import_lerobot(source, tmp_path / "back")
    assert import_lerobot(source, tmp_path / "back", image_size=16).converted == EPISODES
    back = Dataset(tmp_path / "back", verify=True)
    assert back["rgb"].shape[1:] == (2, 16, 16, 3) and back["depth_mm"].shape[1:] == (2, 16, 16)


def spoil_action(value):
    def spoil(root):
        rows = pq.read_table(frames_file(root))["action"].to_pylist()
        row = int(of_episode(root, 1)[2])
        rows[row] = None if value is None else value(rows[row])
        change(frames_file(root), "action", rows, pa.list_(pa.float32()))

    return spoil


def spoil_episodes(key, value):
    def spoil(root):
        values = pq.read_table(episodes_file(root))[key].to_pylist()
        change(episodes_file(root), key, [value if i == 1 else v for i, v in enumerate(values)])

    return spoil


def as_floats(root):
    values = pq.read_table(episodes_file(root))["data/file_index"].to_pylist()
    values = [float("nan") if i == 1 else float(v) for i, v in enumerate(values)]
    change(episodes_file(root), "data/file_index", values, pa.float64())


def spoil_image(cell):
    def spoil(root):
        cells = pq.read_table(frames_file(root))[WRIST].to_pylist()
        cells[int(of_episode(root, 1)[0])] = cell
        change(frames_file(root), WRIST, cells)

    return spoil


def spoil_frame(root):
    frames = pq.read_table(frames_file(root))["frame_index"].to_pylist()
    row = int(of_episode(root, 1)[7])
    frames[row] = frames[row - 1]
    change(frames_file(root), "frame_index", frames)


def lose_frame(root):
    table = pq.read_table(frames_file(root))
    pq.write_table(table.take(np.delete(np.arange(len(table)), of_episode(root, 1)[4])), frames_file(root))
    lengths = pq.read_table(episodes_file(root))["length"].to_pylist()
    change(episodes_file(root), "length", [n - (i == 1) for i, n in enumerate(lengths)])


def colour_as_depth(root):
    cells = pq.read_table(frames_file(root))["observation.depth.wrist"].to_pylist()
    Image.new("RGB", (32, 32)).save(file := io.BytesIO(), "PNG")
    cells[int(of_episode(root, 1)[0])]["bytes"] = file.getvalue()
    change(frames_file(root), "observation.depth.wrist", cells)


BAD = {
    "null action": (spoil_action(None), r"action: row 2 of the episode is null; expected numbers"),
    "ragged action": (spoil_action(lambda row: row[:5]), r"action: rows have 5 to 8 numbers; expected one"),
    "NaN action": (
        spoil_action(lambda row: [*row[:7], np.nan]),
        r"action: row 2 of the episode is not finite",
    ),
    "degrees": (
        spoil_action(lambda row: [180.0, *row[1:]]),
        r"action: joint values up to 180; expected radians",
    ),
    "gripper in mm": (spoil_action(lambda row: [*row[:7], 80.0]), r"width up to 80; expected metres"),
    "NaN in the index": (as_floats, r"data/file_index: expected an integer of 0 or more, got nan"),
    "null length": (spoil_episodes("length", None), r"length: expected an integer of 0 or more, got None"),
    "wrong length": (spoil_episodes("length", 3), r"frames of it, meta/episodes says 3"),
    "bad meta": (spoil_episodes("f2o_meta", "{"), r"f2o_meta: expected JSON"),
    "missing file": (spoil_episodes("data/file_index", 7), r"file-007\.parquet is missing"),
    "empty image": (spoil_image({"bytes": None, "path": None}), r"an image is empty"),
    "image elsewhere": (
        spoil_image({"bytes": None, "path": "../x.png"}),
        r"\.\./x\.png, outside the data set",
    ),
    "missing image": (
        spoil_image({"bytes": None, "path": "x.png"}),
        r"an image lies at x\.png, which is missing",
    ),
    "damaged image": (spoil_image({"bytes": b"\x89PNG", "path": None}), r"an image cannot be decoded"),
    "colour as depth": (colour_as_depth, r"a depth image has mode RGB; expected one channel of 16 bits"),
    "frame twice": (spoil_frame, r"frame_index 6 comes 2 times; expected once"),
    "frame missing": (lose_frame, r"frame_index 4 is missing; expected every frame"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_episode_is_one_sentence_and_the_others_come(source, tmp_path, kind):
    spoil, text = BAD[kind]
    spoil(source)
    report = import_lerobot(source, tmp_path / "back")
    assert report.converted == EPISODES - 1 and len(report.skipped) == 1
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(report.skipped[0])
    assert report.skipped[0].startswith("episode 1: ")
    assert len(Dataset(tmp_path / "back", verify=True).episodes) == EPISODES - 1


def test_an_episode_that_is_not_listed_does_not_end_the_import(source, tmp_path):
    table = pq.read_table(episodes_file(source))
    pq.write_table(table.take([0, 2]), episodes_file(source))
    assert import_lerobot(source, tmp_path / "back").converted == 2


def test_the_order_of_the_rows_does_not_matter(source, tmp_path):
    foreign(source)
    import_lerobot(source, tmp_path / "one")
    table = pq.read_table(frames_file(source))
    pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))), frames_file(source))
    import_lerobot(source, tmp_path / "two")
    assert Dataset(tmp_path / "one").sha256 == Dataset(tmp_path / "two").sha256


def test_images_may_be_files_beside_the_table(data, source, tmp_path):
    cells = pq.read_table(frames_file(source))[WRIST].to_pylist()
    for number, cell in enumerate(cells):
        (source / f"{number}.png").write_bytes(cell["bytes"])
    change(frames_file(source), WRIST, [{"bytes": None, "path": f"{i}.png"} for i in range(len(cells))])
    import_lerobot(source, tmp_path / "back")
    assert np.array_equal(Dataset(tmp_path / "back")["rgb"], Dataset(data)["rgb"])


def encode(root, key, codec):
    """Turn the images of a view into one video of all episodes, as lerobot does (its GOP is 2)."""
    table = pq.read_table(frames_file(root))
    path = root / f"videos/{key}/chunk-000/file-000.mp4"
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=int(FPS), options={"g": "2", "crf": "10"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for cell in table[key].to_pylist():
            image = Image.open(io.BytesIO(cell["bytes"])).resize((64, 64), Image.Resampling.NEAREST)
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    episodes = pq.read_table(episodes_file(root))
    for name, values in {
        "chunk_index": [0] * len(episodes),
        "file_index": [0] * len(episodes),
        "from_timestamp": [first / FPS for first in episodes["dataset_from_index"].to_pylist()],
    }.items():
        episodes = episodes.append_column(f"videos/{key}/{name}", pa.array(values))
    pq.write_table(episodes, episodes_file(root))
    pq.write_table(table.drop_columns([key]), frames_file(root))
    tree = info(root)
    tree["features"][key] |= {"dtype": "video"}
    info(root, features=tree["features"], video_path="videos/{video_key}/chunk-{chunk_index:03d}/"
         "file-{file_index:03d}.mp4")  # fmt: skip


def count_up(root, key):
    """Make every image of a view a shade that counts the frames of the data set."""
    table = pq.read_table(frames_file(root))
    cells = []
    for number in range(len(table)):
        Image.new("RGB", (32, 32), (2 * number % 256,) * 3).save(file := io.BytesIO(), "PNG")
        cells.append({"bytes": file.getvalue(), "path": None})
    change(frames_file(root), key, cells)


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_videos_of_others_are_read_frame_by_frame(source, tmp_path, codec):
    foreign(source)
    for key in (WRIST, FRONT):
        count_up(source, key)
        encode(source, key, codec)
    report = import_lerobot(source, tmp_path / "back", image_size=32)
    assert (report.converted, report.lacks) == (EPISODES, ())
    back = Dataset(tmp_path / "back", verify=True)
    shades = back["rgb"][:, :, 8:24, 8:24].mean((2, 3, 4))
    expected = 2 * np.arange(len(back)) % 256
    assert np.abs(shades - expected[:, None]).max() < 1.5  # yuv420p rounds; the next frame is 2 away


def test_a_damaged_video_is_a_sentence(source, tmp_path):
    foreign(source)
    encode(source, FRONT, "libx264")
    path = source / f"videos/{FRONT}/chunk-000/file-000.mp4"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r"episode 0: file-000\.mp4 cannot be decoded \("):
        import_lerobot(source, tmp_path / "back", image_size=32)
    path.unlink()
    with pytest.raises(DatasetError, match=r"file-000\.mp4 of observation\.images\.front is missing"):
        import_lerobot(source, tmp_path / "back", image_size=32)


def test_a_set_with_colour_alone_says_what_it_lacks_and_training_asks(source, tmp_path):
    foreign(source)
    gone = ("observation.points", "observation.depth.front", "observation.depth.wrist")
    pq.write_table(pq.read_table(frames_file(source)).drop_columns(list(gone)), frames_file(source))
    info(source, **without(*gone)(info(source)))
    assert import_lerobot(source, tmp_path / "back").lacks == ("depth", "points")
    back = Dataset(tmp_path / "back", verify=True)
    assert back.lacks == ("depth", "points")
    with pytest.raises(
        DatasetError, match=r"has no depth and no points, set model\.modalities to \['colour'\]"
    ):
        check_fits(back, Config(model=TINY, window=WindowConfig(horizon=TINY.horizon)))
