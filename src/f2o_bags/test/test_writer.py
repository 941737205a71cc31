import json
import struct

import pytest
import yaml
from f2o_bags.definitions import find_definition
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS_TOPIC, from_cdr
from f2o_bags.metadata import read_metadata
from f2o_bags.saving import discard_bag, save_bag
from f2o_bags.writer import BagMessage, BagTopic, BagWriter
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader

LATCHED = {
    "history": "keep_last",
    "depth": 1,
    "reliability": "reliable",
    "durability": "transient_local",
    "deadline": {"sec": 9223372036, "nsec": 854775807},
    "lifespan": {"sec": 9223372036, "nsec": 854775807},
    "liveliness": "automatic",
    "liveliness_lease_duration": {"sec": 9223372036, "nsec": 854775807},
    "avoid_ros_namespace_conventions": False,
}


def cdr_part(x: float, data: bytes) -> bytes:
    """toy/msg/Part, serialised by hand."""
    return b"\x00\x01\x00\x00" + struct.pack("<fI", x, len(data)) + data


@pytest.fixture
def topics(prefix):
    part = find_definition("toy/msg/Part", [prefix])
    return {"/a": BagTopic(part), "/b": BagTopic(part, (LATCHED,)), "/silent": BagTopic(part)}


def write_some(writer, count=20):
    sent = []
    for k in range(count):
        sent.append(("/a", 1000 + 10 * k, cdr_part(k, bytes(k))))
        topic, log, data = sent[-1]
        writer.write(BagMessage(topic, data, log, log - 5))
        if k % 5 == 4:
            writer.flush()
    writer.write(BagMessage("/b", cdr_part(0.5, b"!"), 1003, 1003))
    return sent


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_a_saved_bag_reads_back_equal_with_rosbags(tmp_path, topics, compression):
    writer = BagWriter(tmp_path, "episode_0007", topics, {"task": "toy"}, compression)
    sent = write_some(writer)
    summary = writer.close({"task": "toy", "success": "true"})
    assert (summary.messages, summary.duration_s) == (21, 190e-9)
    folder = save_bag(summary.folder, {})
    assert sorted(p.name for p in folder.iterdir()) == ["episode_0007_0.mcap", "metadata.yaml"]
    with AnyReader([folder]) as reader:
        messages = [m for m in reader.messages() if m[0].topic != LABELS_TOPIC]
        assert [(c.topic, t, raw) for c, t, raw in messages if c.topic == "/a"] == sent
        assert [t for _, t, _ in messages] == sorted(t for _, t, _ in messages)
        last = reader.deserialize(messages[-1][2], "toy/msg/Part")
        assert (last.x, bytes(last.data)) == (19.0, bytes(19))
    with Reader(folder) as reader:
        assert reader.storage.metadata.custom == {"task": "toy", "success": "true"}
        assert {c.topic: c.msgcount for c in reader.connections} == {
            "/a": 20, "/b": 1, "/silent": 0, LABELS_TOPIC: 2
        }  # fmt: skip
        qos = next(c for c in reader.connections if c.topic == "/b").ext.offered_qos_profiles[0]
        assert (qos.durability.name, qos.depth) == ("TRANSIENT_LOCAL", 1)


def test_metadata_has_the_keys_of_rosbag2_version_9(tmp_path, topics, monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "kilted")
    writer = BagWriter(tmp_path, "episode_0001", topics, {})
    write_some(writer)
    folder = writer.close({"seed": "3"}).folder
    body = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert body["version"] == 9
    assert set(body) == {
        "version", "storage_identifier", "duration", "starting_time", "message_count",
        "topics_with_message_count", "compression_format", "compression_mode", "relative_file_paths",
        "files", "custom_data", "ros_distro",
    }  # fmt: skip
    assert body["starting_time"] == {"nanoseconds_since_epoch": 1000}
    assert body["duration"] == {"nanoseconds": 190}
    assert body["relative_file_paths"] == [body["files"][0]["path"]] == ["episode_0001_0.mcap"]
    assert body["ros_distro"] == "kilted"
    topic = body["topics_with_message_count"][1]["topic_metadata"]
    assert topic["offered_qos_profiles"] == [LATCHED]
    assert topic["type_description_hash"] == topics["/b"].definition.hash
    assert "&id" not in (folder / "metadata.yaml").read_text()


def test_the_file_alone_is_indexed_and_carries_labels_schema_and_metadata(tmp_path, topics):
    writer = BagWriter(tmp_path, "episode_0002", topics, {"operator": "ada"}, "lz4")
    write_some(writer)
    folder = writer.close({"operator": "ada"}).folder
    with (folder / "episode_0002_0.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert reader.get_header().profile == "ros2"
        assert len(summary.chunk_indexes) == 5  # four flushes and the rest
        assert all(chunk.message_index_length > 0 for chunk in summary.chunk_indexes)
        assert {s.name for s in summary.schemas.values()} == {"toy/msg/Part", "std_msgs/msg/String"}
        records = {record.name: record.metadata for record in reader.iter_metadata()}
        assert records["f2o_episode"] == {"operator": "ada"}
        assert yaml.safe_load(records["rosbag2"]["serialized_metadata"])["message_count"] == 23
        message = next(reader.iter_messages(topics=["/a"]))[2]
        assert (message.log_time, message.publish_time, message.sequence) == (1000, 995, 0)


def test_everything_flushed_is_readable_without_an_end(tmp_path, topics, read_truncated):
    writer = BagWriter(tmp_path, "episode_0003", topics, {"task": "toy"})
    sent = write_some(writer)  # the last flush came after 20 messages; the one on /b is not flushed
    got = read_truncated(writer.folder / "episode_0003_0.mcap")
    assert from_cdr(got[0].data) == {"task": "toy"}
    assert [(message.log_time, message.data) for message in got[1:]] == [(t, data) for _, t, data in sent]
    assert not (writer.folder / "metadata.yaml").exists()
    writer.abandon()


def test_an_empty_bag_is_still_one(tmp_path, topics):
    summary = BagWriter(tmp_path, "episode_0004", topics, {}).close({})
    assert (summary.messages, summary.duration_s) == (0, 0.0)
    with Reader(save_bag(summary.folder, {})) as reader:
        assert list(reader.messages()) == []


def test_existing_bags_are_never_overwritten(tmp_path, topics):
    first = BagWriter(tmp_path, "episode_0005", topics, {})
    with pytest.raises(BagError, match=r"episode_0005.partial: cannot make a new bag: File exists"):
        BagWriter(tmp_path, "episode_0005", topics, {})
    kept = save_bag(first.close({}).folder, {})
    (kept / "mine.txt").write_text("keep me")
    second = BagWriter(tmp_path, "episode_0005", topics, {}).close({})
    with pytest.raises(
        BagError, match=r"episode_0005: cannot be made, the bag stays in episode_0005.partial"
    ):
        save_bag(second.folder, {})
    assert (kept / "mine.txt").exists()
    discard_bag(kept)  # only a partial bag can be discarded
    assert kept.exists()
    discard_bag(second.folder)
    assert not second.folder.exists()


def test_a_folder_without_metadata_is_named(tmp_path):
    with pytest.raises(BagError, match=r"no readable metadata\.yaml"):
        read_metadata(tmp_path)


def test_labels_added_on_saving_win(tmp_path, topics):
    summary = BagWriter(tmp_path, "episode_0006", topics, {}).close({"success": "unknown", "seed": "1"})
    folder = save_bag(summary.folder, {"success": "false"})
    assert read_metadata(folder)["custom_data"] == {"success": "false", "seed": "1"}
    assert json.loads(json.dumps(read_metadata(folder)["custom_data"]))["seed"] == "1"
