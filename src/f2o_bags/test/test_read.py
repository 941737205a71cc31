"""One discovery and one reader: however an episode is stored, it is found and read alike."""

import json
import shutil

import episodes as e
import pytest
import zstandard
from f2o_bags.check import check
from f2o_bags.decode import Decoder
from f2o_bags.edit import merge, recover, trim
from f2o_bags.errors import BagError
from f2o_bags.read import find_bags, find_unfinished, open_bag
from f2o_bags.writer import read_metadata
from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

ROSBAG2 = {  # as rosbag2 lays it out: storage, compression
    "mcap": (StoragePlugin.MCAP, None),
    "mcap zstd file": (StoragePlugin.MCAP, CompressionMode.FILE),
    "mcap zstd message": (StoragePlugin.MCAP, CompressionMode.MESSAGE),
    "mcap zstd chunk": (StoragePlugin.MCAP, CompressionMode.STORAGE),
    "sqlite3": (StoragePlugin.SQLITE3, None),
    "sqlite3 zstd file": (StoragePlugin.SQLITE3, CompressionMode.FILE),
    "sqlite3 zstd message": (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
}
MCAP = {  # of a file alone: what its writer may leave out
    "no chunks": {"use_chunking": False},
    "no index": {"index_types": IndexType.NONE},
    "no statistics": {"use_statistics": False},
    "no channels in the summary": {"repeat_channels": False, "repeat_schemas": False},
    "no summary": {
        "use_statistics": False, "repeat_channels": False, "repeat_schemas": False, "index_types": IndexType.NONE,
        "use_summary_offsets": False,
    },
    "lz4": {"compression": CompressionType.LZ4},
}  # fmt: skip
KINDS = {topic: info.definition.name for topic, info in e.topics().items()}


def by_rosbags(folder, storage, compression, content):
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        pass
    shutil.rmtree(folder)
    writer = Writer(folder, version=9, storage_plugin=storage)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        for key, value in e.labels().items():
            writer.set_custom_data(key, value)
        connections = {t: writer.add_connection(t, kind, typestore=e.STORE) for t, kind in KINDS.items()}
        for topic, data, log in content:
            writer.write(connections[topic], log, data)
    return folder


def by_mcap(file, content, extra=(), **options):
    """A file as any recorder may write it; ``extra``: (topic, schema id or None, encoding) of channels of its own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        writer = McapWriter(stream, **options)
        writer.start("ros2", "other")
        channels = {}
        for topic, info in e.topics().items():
            schema = writer.register_schema(info.definition.name, "ros2msg", info.definition.text.encode())
            channels[topic] = writer.register_channel(topic, "cdr", schema)
        for topic, described, encoding in extra:
            schema = writer.register_schema("my_msgs/msg/Wrench", described, b"what?") if described else 0
            channels[topic] = writer.register_channel(topic, encoding, schema)
        for topic, data, log in content:
            writer.add_message(channels[topic], log, data, log)
        writer.finish()
    return file


def of(bag):
    return [(m.topic, m.data, m.log_ros_ns) for m in bag.messages()]


@pytest.fixture(scope="module")
def content():
    return e.messages(seconds=2.0)


@pytest.fixture(params=[*ROSBAG2, *(f"{kind} without metadata" for kind in ROSBAG2), *MCAP])
def stored(request, tmp_path, content):
    """An episode in each way of storing it."""
    kind = request.param
    if kind in MCAP:
        return by_mcap(
            tmp_path / "bags" / "episode_0000" / "episode_0000_0.mcap", content, **MCAP[kind]
        ).parent
    folder = by_rosbags(
        tmp_path / "bags" / "episode_0000", *ROSBAG2[kind.removesuffix(" without metadata")], content
    )
    if kind.endswith(" without metadata"):
        (folder / "metadata.yaml").unlink()
    return folder


def test_every_storage_is_found_read_checked_and_copied_alike(stored, tmp_path, content):
    assert find_bags([stored.parent]) == [stored] == find_bags([stored])
    bag = open_bag(stored)
    assert of(bag) == content
    assert bag.complete
    assert {t: n for t, n in bag.counts.items() if n} == {
        topic: sum(t == topic for t, _, _ in content) for topic in KINDS
    }
    assert bag.span_ros_ns == (content[0][2], content[-1][2])
    found = check(stored)
    assert found.good, found.problems
    assert Decoder(bag)(e.ARM, next(iter(bag.messages([e.ARM]))).data).name == e.ARM_NAMES
    trim(stored, tmp_path / "part", 0.0, 99.0, progress=False)
    merge([stored], tmp_path / "copy", progress=False)
    recover(stored, tmp_path / "whole", progress=False)
    for copy in ("part", "copy", "whole"):
        assert sorted(of(open_bag(tmp_path / copy))) == sorted(content)


def test_a_truncated_recording_is_found_whatever_its_name(tmp_path, content):
    whole = by_mcap(tmp_path / "bags" / "killed" / "killed_0.mcap", content, chunk_size=8192).parent
    file = whole / "killed_0.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    e.write(tmp_path / "bags", "episode_0001")
    assert [p.name for p in find_bags([tmp_path / "bags"])] == ["episode_0001", "killed"]
    assert find_unfinished([tmp_path / "bags"]) == [whole]
    assert check(whole).problems == ("its recording is truncated (f2o bag recover)",)
    done = recover(whole, progress=False)
    assert done.folder == tmp_path / "bags" / "killed_recovered"
    assert of(open_bag(done.folder)) == content[: done.messages]
    assert find_unfinished([tmp_path / "bags" / "episode_0001"]) == [tmp_path / "bags" / "episode_0001"]


def test_a_bag_that_was_never_saved_is_bad(tmp_path):
    partial = e.write(tmp_path).rename(tmp_path / "episode_0000.partial")
    assert check(partial).problems == ("its recording was never saved (f2o bag recover)",)
    assert recover(partial, progress=False).folder == tmp_path / "episode_0000"
    assert check(tmp_path / "episode_0000").good


def test_files_beside_each_other_are_parts_where_they_are_named_after_their_folder(tmp_path, content):
    half = len(content) // 2
    for number, part in enumerate((content[:half], content[half:])):
        by_mcap(tmp_path / "split" / f"split_{number}.mcap", part)
        by_mcap(tmp_path / "loose" / f"monday_{number}.mcap", part)
    (tmp_path / "loose" / "deeper" / "still").mkdir(parents=True)
    e.write(tmp_path / "loose" / "deeper" / "still", "episode_0000")
    assert find_bags([tmp_path / "split"]) == [tmp_path / "split"]
    assert of(open_bag(tmp_path / "split")) == content
    assert [str(p.relative_to(tmp_path / "loose")) for p in find_bags([tmp_path / "loose"])] == [
        "deeper/still/episode_0000", "monday_0.mcap", "monday_1.mcap"
    ]  # fmt: skip
    assert of(open_bag(tmp_path / "loose" / "monday_1.mcap")) == content[half:]


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path, content):
    size = -(-len(content) // 11)
    for number in range(11):  # _10 comes after _9
        part = content[number * size : (number + 1) * size]
        by_mcap(tmp_path / "split" / f"split_{number}.mcap", part)
    assert of(open_bag(tmp_path / "split")) == content


@pytest.mark.parametrize("extra", [("ros2idl", "cdr"), ("", "cdr"), ("ros2msg", "json")])
def test_a_topic_that_cannot_be_read_is_copied_and_named_when_it_is_wanted(tmp_path, content, extra):
    odd = ("/ft/wrench", b"\0\1\0\0" + bytes(8), content[0][2])
    folder = by_mcap(tmp_path / "a" / "a_0.mcap", [odd, *content], [("/ft/wrench", *extra)]).parent
    assert check(folder).good, check(folder).problems
    merge([folder], tmp_path / "copy", progress=False)
    bag = open_bag(tmp_path / "copy")
    assert of(bag) == [odd, *content]
    told = f"{extra[0] or 'no definition'}, {extra[1]}"
    if extra == ("ros2idl", "cdr"):
        told = "definition of my_msgs/msg/Wrench"
    with pytest.raises(BagError, match=rf"copy: .*{told}"):
        Decoder(bag)("/ft/wrench", odd[1])


def test_channels_of_one_topic_add_up(tmp_path, content):
    one, other = e.write(tmp_path, "a", content[::2]), e.write(tmp_path, "b", content[1::2])
    file = tmp_path / "two" / "two_0.mcap"
    file.parent.mkdir()
    with file.open("wb") as stream:
        writer = McapWriter(stream)
        writer.start("ros2", "other")
        for bag in (open_bag(one), open_bag(other)):  # as `mcap merge` writes it: a channel for each input
            info = bag.topics[e.ARM].definition
            schema = writer.register_schema(info.name, "ros2msg", info.text.encode())
            channel = writer.register_channel(e.ARM, "cdr", schema, {"from": bag.name})
            for message in bag.messages([e.ARM]):
                writer.add_message(channel, message.log_ros_ns, message.data, message.publish_ros_ns)
        writer.finish()
    bag = open_bag(file.parent)
    assert bag.counts == {e.ARM: 250}
    assert [m[2] for m in of(bag)] == [log for topic, _, log in content if topic == e.ARM]


def test_labels_come_from_the_file_where_metadata_is_lost(tmp_path):
    folder = e.write(tmp_path, operator="ada", success="false")
    (folder / "metadata.yaml").unlink()
    assert (open_bag(folder).labels["operator"], open_bag(folder).labels["success"]) == ("ada", "false")


def test_what_cannot_be_read_is_one_sentence(tmp_path, content):
    folder = by_mcap(tmp_path / "a" / "a_0.mcap", content[:10]).parent
    (folder / "a_0.mcap").rename(folder / "a_0.mcap.zstd")
    with pytest.raises(BagError, match=r"^[^\n]*a_0\.mcap\.zstd: cannot be decompressed \([^\n]*$"):
        open_bag(folder)
    (folder / "a_0.mcap.zstd").write_bytes(zstandard.compress(b"no mcap"))
    with pytest.raises(
        BagError, match=r"a_0\.mcap\.zstd: not an MCAP file, or truncated in its first record$"
    ):
        open_bag(folder)
    (folder / "a_0.mcap.zstd").rename(folder / "a_0.db3")
    with pytest.raises(BagError, match=r"^[^\n]*a_0\.db3: cannot be read \([^\n]*$"):
        open_bag(folder)
    (folder / "metadata.yaml").write_text("a: [")
    with pytest.raises(BagError, match=r"^[^\n]*a: no readable metadata\.yaml \([^\n]*$"):
        open_bag(folder)


def test_a_damaged_file_is_named_and_read_up_to_the_damage(tmp_path, content):
    folder = e.write(tmp_path, content=content)
    file = next(folder.glob("*.mcap"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    file.write_bytes(data)
    with pytest.raises(BagError, match=rf"^{file}: damaged \(.*\); try `f2o bag recover`$"):
        of(open_bag(folder))
    read = recover(folder, tmp_path / "rest", progress=False)
    assert 0.3 < read.messages / len(content) < 0.7
    assert of(open_bag(read.folder)) == content[: read.messages]


def test_older_bags_have_commands_under_the_controllers_own_topics(tmp_path, content):
    old = by_rosbags(tmp_path / "old", StoragePlugin.MCAP, None, content)
    assert stored_names(old) == set(KINDS)
    merge([old], tmp_path / "new", progress=False)
    assert stored_names(tmp_path / "new") == {*set(KINDS) - {e.COMMAND}, "/f2o/recorded" + e.COMMAND}
    for folder in (old, tmp_path / "new"):
        assert open_bag(folder).counts[e.COMMAND] == 250
        assert sum(1 for _ in open_bag(folder).messages([e.COMMAND])) == 250
    merge([old, tmp_path / "new"], tmp_path / "both", progress=False)
    assert open_bag(tmp_path / "both").counts[e.COMMAND] == 500


def stored_names(folder):
    return {t["topic_metadata"]["name"] for t in read_metadata(folder)["topics_with_message_count"]}


def test_what_is_said_of_a_topic_survives_a_copy(tmp_path, content):
    folder = e.write(tmp_path, content=content)
    merge([folder], tmp_path / "copy", progress=False)
    before, after = open_bag(folder), open_bag(tmp_path / "copy")
    assert after.topics == before.topics
    assert after.topics[e.MODE].offered_qos == (e.LATCHED,)
    assert json.loads(after.labels["expected_hz"]) == e.HZ
