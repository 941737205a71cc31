"""f2o data-select and data-view: episodes joined, filtered, split and labelled are bit for bit what they were."""

import numpy as np
import pytest
from f2o_policy.data.select import Selection, select
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.errors import DatasetError
from f2o_policy.evaluation.episode_view import view_episode
from toys import episode

from f2o_bringup import cli

ARRAYS = ("rgb", "depth_mm", "points", "joints", "stamps", "view_stamps", "commands", "command_stamps")


def write(path, sources, seed=0):
    rng = np.random.default_rng(seed)
    with DatasetWriter(path) as writer:
        for index, source in enumerate(sources):
            meta = {
                "source": source,
                "strategy": ("left", "right")[index % 2],
                "success": str(index < 3).lower(),
            }
            writer.add_episode(*episode(rng, 6 + index, 10**18 + index * 10**11), meta)
    return path


@pytest.fixture
def two(tmp_path):
    return write(tmp_path / "a", ("a0", "a1", "a2", "a3")), write(tmp_path / "b", ("b0", "b1"), seed=1)


def same(data, i, other, k):
    """Whether an episode of one data set is that of another, bit for bit."""
    one, two = data.episodes[i], other.episodes[k]
    for name in ARRAYS:
        kind = "commands" if name.startswith("command") else "observations"
        if not np.array_equal(
            data[name][slice(*getattr(one, kind))], other[name][slice(*getattr(two, kind))]
        ):
            return False
    return True


def f2o(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_:
        cli.main([str(a) for a in arguments])
    told = capsys.readouterr()
    return exit_.value.code, told.out, told.err.splitlines()[-1] if told.err else ""


def test_data_sets_are_joined_bit_for_bit_and_again_adds_nothing(two, tmp_path):
    assert select(two, tmp_path / "c", Selection()) == {tmp_path / "c": 6}
    joined, first, second = (Dataset(p, verify=True) for p in (tmp_path / "c", *two))
    assert [e.meta["source"] for e in joined.episodes] == ["a0", "a1", "a2", "a3", "b0", "b1"]
    assert all(same(joined, i, first, i) for i in range(4))
    assert all(same(joined, 4 + i, second, i) for i in range(2))
    hashed = joined.sha256
    assert select(two, tmp_path / "c", Selection()) == {tmp_path / "c": 6}
    assert Dataset(tmp_path / "c").sha256 == hashed


def test_episodes_are_filtered_dropped_and_labelled(two, tmp_path, capsys):
    where = ("--where", "strategy=left", "--where", "success=true", "--drop", "2", "--label", "task=stow")
    told = f2o(capsys, "data-select", two[0], "--out", tmp_path / "c", *where, "--label", "success=")
    assert told[:2] == (0, f"{tmp_path}/c: 1 episodes\n")
    (kept,) = Dataset(tmp_path / "c", verify=True).episodes
    assert kept.meta == {"source": "a0", "strategy": "left", "task": "stow"}


def test_several_values_of_a_key_are_alternatives(two, tmp_path):
    select(two, tmp_path / "c", Selection({"source": ["a1", "b0"]}))
    assert [e.meta["source"] for e in Dataset(tmp_path / "c").episodes] == ["a1", "b0"]


def test_a_data_set_is_split_by_a_label(two, tmp_path, capsys):
    told = f2o(capsys, "data-select", *two, "--out", tmp_path / "c", "--by", "strategy")
    assert told[1] == f"{tmp_path}/c/left: 3 episodes\n{tmp_path}/c/right: 3 episodes\n"
    for way in ("left", "right"):
        part = Dataset(tmp_path / "c" / way, verify=True)
        assert {e.meta["strategy"] for e in part.episodes} == {way}


WRONG = {
    "a key": (("--where", "side=left"), "no episode has side; expected one of source, strategy, success"),
    "a value": (("--where", "strategy=up"), "no episode is left of 6"),
    "a pair": (("--where", "strategy"), "'strategy': expected KEY=VALUE"),
    "a number of two": (("--drop", "1"), "episode 1 of which data set? Of several, give the source"),
    "an episode": (("--drop", "a9"), "there is no episode a9 to drop"),
    "the source": (("--label", "source=x"), "source says which recording an episode is, and is no label"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_mistakes_are_one_sentence(two, tmp_path, capsys, kind):
    arguments, text = WRONG[kind]
    code, _, err = f2o(capsys, "data-select", *two, "--out", tmp_path / "c", *arguments)
    assert code == 2 and err.endswith(text) and not (tmp_path / "c").exists()


def test_a_data_set_is_not_read_and_written_at_once(two):
    with pytest.raises(DatasetError, match="is read and written at once; give --out another folder"):
        select(two, two[0], Selection())


def test_what_does_not_belong_together_is_refused(two, tmp_path):
    with DatasetWriter(tmp_path / "flat", lacks=("depth",)) as writer:
        writer.add_episode(*episode(np.random.default_rng(0)), {"source": "flat"})
    with pytest.raises(DatasetError, match=r"flat lacks depth and .*a lacks nothing"):
        select([two[0], tmp_path / "flat"], tmp_path / "c", Selection())
    tools = [tuple((0.1 * k, 0.0, z) for k in range(3)) for z in (0.0, 0.05)]
    for name, tool in zip(("one", "other"), tools, strict=True):
        with DatasetWriter(tmp_path / name, tool) as writer:
            writer.add_episode(*episode(np.random.default_rng(0)), {"source": name})
    with pytest.raises(DatasetError, match="is of another arm: the tool is 50 mm from that of"):
        select([tmp_path / "one", tmp_path / "other"], tmp_path / "c", Selection())


def test_an_episode_is_shown_with_what_it_was_and_what_a_policy_plans(
    tmp_path, tiny_data, tiny_config, capsys
):
    from f2o_policy.training.train import train

    train(tiny_data, tmp_path / "teacher", tiny_config, progress=False)
    count = len(Dataset(tiny_data)["stamps"][slice(*Dataset(tiny_data).episodes[1].observations)])
    assert view_episode(tiny_data, 1, tmp_path / "bare.rrd") == count
    told = ("data-view", tiny_data, 1, "--out", tmp_path / "x.rrd", "--policy", tmp_path / "teacher")
    code, out, _ = f2o(capsys, *told, "--every", 2)
    assert (code, out) == (0, f"{tmp_path}/x.rrd: episode 1, {-(-count // 2)} observations\n")
    entities = shown(tmp_path / "x.rrd")
    wanted = {
        "/cameras/wrist/colour",
        "/cameras/front/depth",
        "/scene/cloud",
        "/scene/plan",
        "/scene/path/commanded",
    }
    assert wanted | {"/joints/joint1/measured", "/joints/gripper_width/commanded"} <= entities
    assert "/scene/plan" not in shown(tmp_path / "bare.rrd")
    code, _, err = f2o(capsys, "data-view", tiny_data, 99, "--out", tmp_path / "y.rrd")
    assert code == 2 and "episode 99: expected 0 to " in err


def shown(path):
    """The entities of a recording of rerun, by its own reader."""
    from rerun.chunk import RrdReader

    return {str(chunk.entity_path) for chunk in RrdReader(path).stream().to_chunks()}
