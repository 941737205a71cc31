import json
import re
import shutil

import episodes as e
import pytest
from f2o_bags.check import check
from f2o_bags.definitions import known_definition
from f2o_bags.discovery import find_bags
from f2o_bags.edit import merge, recover, trim
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS_TOPIC
from f2o_bags.latched import TRANSFORMS
from f2o_bags.metadata import read_metadata
from f2o_bags.read import find_unfinished, open_bag, open_complete
from f2o_bags.topics import original_name
from f2o_bags.writer import BagMessage, BagTopic, BagWriter
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from test_latched import TF, transforms

S = e.S


def content(folder):
    """(topic, bytes, log time) as rosbags reads them, by their own names."""
    with AnyReader([folder]) as reader:
        own = [c for c in reader.connections if c.topic != LABELS_TOPIC]
        return [(original_name(c.topic), bytes(raw), t) for c, t, raw in reader.messages(own)]


def quiet(call, *args, **kwargs):
    return call(*args, progress=False, **kwargs)


@pytest.mark.parametrize("cut", [1.0, 0.93, 0.5, 0.05])
def test_a_recording_truncated_anywhere_becomes_a_valid_bag(tmp_path, cut):
    partial = e.write(tmp_path, "episode_0007", finish=False, operator="ada")
    file = partial / "episode_0007_0.mcap"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * cut)])
    before = file.read_bytes()
    done = quiet(recover, partial)
    assert done.folder == tmp_path / "episode_0007"
    assert file.read_bytes() == before and [p.name for p in partial.iterdir()] == [file.name]
    got, sent = content(done.folder), e.messages()
    assert got == sent[: len(got)]
    assert len(got) >= cut * len(sent) - 60  # less than three flushes are lost
    with Reader(done.folder) as reader:
        custom = reader.storage.metadata.custom
        assert (custom["operator"], custom["recovered"]) == ("ada", "true")
    with next(done.folder.glob("*.mcap")).open("rb") as stream:
        assert (
            len(list(make_reader(stream, validate_crcs=True).iter_messages())) == len(got) + 2
        )  # the labels


def test_damage_inside_ends_the_recovery_there(tmp_path):
    partial = e.write(tmp_path, "episode_0001", finish=False)
    file = partial / "episode_0001_0.mcap"
    data = bytearray(file.read_bytes())
    half = len(data) // 2
    data[half : half + 4096] = bytes(4096)  # what a power cut leaves of a page that was never written
    file.write_bytes(data)
    done = quiet(recover, partial)
    got = content(done.folder)
    assert got == e.messages()[: len(got)]
    assert 0.3 < len(got) / len(e.messages()) < 0.6


def test_a_bag_under_recording_is_left_alone_and_one_without_messages_is_refused(tmp_path):
    writer = BagWriter(tmp_path, "episode_0003", e.topics(), {})
    writer.write(BagMessage(*e.messages()[0], e.T0))
    writer.flush()
    with pytest.raises(BagError, match=r"episode_0003.partial: is being recorded now"):
        quiet(recover, writer.folder)
    writer.abandon()
    assert quiet(recover, writer.folder).messages == 1
    empty = BagWriter(tmp_path, "episode_0004", e.topics(), {})
    empty.abandon()
    with pytest.raises(BagError, match=r"episode_0004: not written: there is no readable message"):
        quiet(recover, empty.folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "episode_0003", "episode_0003.partial", "episode_0004.partial"
    ]  # fmt: skip


def test_nothing_is_overwritten(tmp_path):
    partial = e.write(tmp_path, finish=False)
    whole = quiet(recover, partial).folder
    with pytest.raises(BagError, match="episode_0000: exists already"):
        quiet(recover, partial)
    with pytest.raises(BagError, match=r"not truncated; name a copy .* with --out"):
        quiet(recover, whole)
    with pytest.raises(BagError, match="episode_0000: exists already"):
        quiet(trim, whole, whole, 0.0, 1.0)


def test_trim_by_time_keeps_the_part_and_repeats_what_is_latched(tmp_path):
    bag = e.write(tmp_path)
    done = quiet(trim, bag, tmp_path / "part", 1.0, 2.0)
    got = content(tmp_path / "part")
    assert got[0][:2] == (e.MODE, e.text("teleop"))
    begin, end = e.T0 + S, e.T0 + 2 * S
    assert got[1:] == [m for m in e.messages() if begin <= m[2] <= end]
    assert done.duration_s == pytest.approx(1.0, abs=0.01)
    custom = read_metadata(tmp_path / "part")["custom_data"]
    assert (custom["task"], custom["trimmed"]) == ("toy", "episode_0000: 1.000 to 2.000 s")


def test_trim_repeats_the_transforms_of_every_publisher(tmp_path):
    topics = e.topics() | {TF: BagTopic(known_definition(TRANSFORMS), (e.LATCHED, e.LATCHED))}
    writer = BagWriter(tmp_path, "a", topics, {})
    arm, camera = transforms("link1"), transforms("camera")
    for topic, data, log in [(TF, arm, e.T0), (TF, camera, e.T0 + 1), *e.messages()]:
        writer.write(BagMessage(topic, data, log, log))
    quiet(trim, writer.close({}).folder, tmp_path / "part", 1.0, 2.0)
    assert [(t, d) for t, d, _ in content(tmp_path / "part")][:3] == [
        (TF, arm), (TF, camera), (e.MODE, e.text("teleop"))
    ]  # fmt: skip


def test_trim_idle_ends_makes_a_bad_episode_good(tmp_path):
    bag = e.write(tmp_path, content=e.messages(idle_s=2.0))
    assert not check(bag).good
    quiet(trim, bag, tmp_path / "episode_0001", idle_s=0.1)
    after = check(tmp_path / "episode_0001")
    assert after.good, after.problems
    assert after.idle_s == pytest.approx(0.1, abs=0.02)


def test_trim_refuses_what_leaves_nothing(tmp_path):
    bag = e.write(tmp_path)
    with pytest.raises(BagError, match=r"nothing left: expected a part within 0 to 3.99 s"):
        quiet(trim, bag, tmp_path / "part", 3.0, 2.0)
    still = e.write(tmp_path, "episode_0001", e.messages(moves=False, gripper=False))
    with pytest.raises(BagError, match="nothing moves on /f2o/joint_command"):
        quiet(trim, still, tmp_path / "part", idle_s=0.1)
    assert not (tmp_path / "part").exists() and not (tmp_path / "part.copying").exists()


def test_merge_puts_the_messages_in_order_and_the_first_labels_win(tmp_path):
    whole = e.messages()
    first = e.write(tmp_path, "a", whole[::2], operator="ada")
    second = e.write(tmp_path, "b", whole[1::2], operator="bob", note="second")
    quiet(merge, [first, second], tmp_path / "both")
    assert sorted(content(tmp_path / "both")) == sorted(whole)
    times = [m[2] for m in content(tmp_path / "both")]
    assert times == sorted(times)
    custom = read_metadata(tmp_path / "both")["custom_data"]
    assert (custom["operator"], custom["note"], custom["merged"]) == ("ada", "second", "a, b")


def test_merge_leaves_out_what_cannot_be_merged_and_says_why(tmp_path):
    first, last = e.write(tmp_path, "a", e.messages()[::2]), e.write(tmp_path, "e", e.messages()[1::2])
    writer = BagWriter(tmp_path, "b", {e.ARM: e.topics()[e.MODE]}, {})
    writer.write(BagMessage(e.ARM, e.text("x"), 1, 1))
    other = writer.close({}).folder
    cut = e.write(tmp_path, "c", finish=False)
    damaged = e.write(tmp_path, "d")
    file = damaged / "d_0.mcap"
    data = bytearray(file.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 64] = bytes(64)
    file.write_bytes(data)
    done, left_out = quiet(merge, [first, other, cut, damaged, tmp_path / "nowhere", last], tmp_path / "all")
    assert sorted(content(done.folder)) == sorted(e.messages())
    assert read_metadata(done.folder)["custom_data"]["merged"] == "a, e"
    patterns = [
        r"b.partial: /franka/joint_states is std_msgs/msg/String, expected sensor_msgs/msg/JointState as before",
        r"c.partial: its recording is truncated; run `f2o bag recover",
        r"nowhere: no such bag",
        r"d/d_0.mcap: damaged",
    ]
    for sentence, pattern in zip(left_out, patterns, strict=True):
        assert re.search(pattern, sentence), sentence
    with pytest.raises(BagError, match=r"none: not written: no bag is left to merge: .*c.partial: its"):
        quiet(merge, [cut, other.with_name("nowhere")], tmp_path / "none")
    assert not (tmp_path / "none").exists() and not (tmp_path / "all.copying").exists()


def test_a_split_bag_is_read_in_order_and_a_missing_part_is_named(tmp_path):
    whole = e.messages()
    half = len(whole) // 2
    first, second = e.write(tmp_path, "a", whole[:half]), e.write(tmp_path, "b", whole[half:])
    shutil.move(second / "b_0.mcap", first / "a_1.mcap")
    text = (first / "metadata.yaml").read_text()
    both = text.replace(
        "relative_file_paths:\n  - a_0.mcap", "relative_file_paths:\n  - a_0.mcap\n  - a_1.mcap"
    )
    (first / "metadata.yaml").write_text(both)
    assert [(m.topic, m.data, m.log_ros_ns) for m in open_complete(first).messages()] == whole
    (first / "a_1.mcap").unlink()
    with pytest.raises(BagError, match=r"a: not a bag: no a_1.mcap in it"):
        open_bag(first)


def test_what_is_no_mcap_bag_is_said_in_one_sentence(tmp_path):
    with pytest.raises(BagError, match=r"nowhere: no recorded episode here \(no such file or folder\)"):
        find_bags([tmp_path / "nowhere"])
    with pytest.raises(BagError, match=r"no recorded episode here$"):
        find_bags([tmp_path])
    e.write(tmp_path)
    with pytest.raises(BagError, match="no truncated or unsaved recording here"):
        find_unfinished([tmp_path])
    old = tmp_path / "old"
    old.mkdir()
    (old / "old_0.foo").touch()
    (tmp_path / "ros1.bag").touch()
    assert find_bags([tmp_path]) == [tmp_path / "episode_0000", tmp_path / "ros1.bag"]
    with pytest.raises(
        BagError, match=r"ros1\.bag: a recording of ROS 1, which is not read; rosbags-convert"
    ):
        open_bag(tmp_path / "ros1.bag")
    body = {"storage_identifier": "foo", "relative_file_paths": ["old_0.foo"]}
    (old / "metadata.yaml").write_text(json.dumps({"rosbag2_bagfile_information": body}))
    with pytest.raises(BagError, match=r"old: old_0\.foo: expected a file ending in \.mcap, \.db3, which"):
        open_bag(old)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        BagError, match=r"notes.txt: not a bag: expected an episode's folder or a file ending in .mcap, .db3"
    ):
        open_bag(tmp_path / "notes.txt")


def test_the_file_alone_is_a_bag_too(tmp_path):
    folder = e.write(tmp_path)
    bag = open_bag(folder / "episode_0000_0.mcap")
    assert bag.complete and bag.labels["task"] == "toy"
    assert sum(1 for _ in bag.messages([e.ARM])) == 500
