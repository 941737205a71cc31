"""One discovery and one reader: however an episode is stored, it is found and read alike."""

import itertools
import json
import shutil
import sqlite3

import episodes as e
import lz4.frame
import pytest
import yaml
import zstandard
from f2o_bags.check import Limits, check
from f2o_bags.decode import Decoder
from f2o_bags.discovery import find_bags
from f2o_bags.edit import merge, recover, trim
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS_TOPIC
from f2o_bags.metadata import read_metadata
from f2o_bags.play import PlayOptions, select_topics
from f2o_bags.read import find_unfinished, open_bag
from f2o_bags.report import info
from f2o_bags.saving import save_bag
from f2o_bags.writer import BagMessage, BagWriter
from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

TAKEN = Limits(unlabelled=True)
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
    "no schemas in the summary": {"repeat_schemas": False},
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
    return e.messages(seconds=1.2)


def unreadable(folder):
    (folder / "metadata.yaml").write_bytes(b"\0" * 900)  # as a power cut leaves it


def whole(file):
    return zstandard.ZstdDecompressor().decompressobj().decompress(file.read_bytes())


def by_hand(folder):
    """metadata.yaml after `zstd -d`, unedited or edited: the names and the compression it gives are not the files'."""
    for file in folder.glob("*.zstd"):
        file.with_suffix("").write_bytes(whole(file))
        file.unlink()


def twice(folder):
    """`ros2 bag play` of a compressed bag leaves the decompressed file beside it."""
    for file in folder.glob("*.zstd"):
        file.with_suffix("").write_bytes(whole(file))


def lz4_file(folder):
    for file in [*folder.glob("*.mcap"), *folder.glob("*.db3")]:
        file.with_name(file.name + ".lz4").write_bytes(lz4.frame.compress(file.read_bytes()))
        file.unlink()


CHANGES = {
    "": lambda folder: None,
    " without metadata": lambda folder: (folder / "metadata.yaml").unlink(),
    " with unreadable metadata": unreadable,
    " decompressed by hand": by_hand,
    " and decompressed": twice,
    " in lz4": lz4_file,
}
STORED = [
    kind + change
    for kind in ROSBAG2
    for change in CHANGES
    if ("decompressed" not in change or "file" in kind) and (change != " in lz4" or "zstd" not in kind)
]


@pytest.fixture(params=[*STORED, *MCAP])
def stored(request, tmp_path, content):
    """An episode in each way of storing it."""
    kind = request.param
    if kind in MCAP:
        return by_mcap(
            tmp_path / "bags" / "episode_0000" / "episode_0000_0.mcap", content, **MCAP[kind]
        ).parent
    (stem,) = (name for name in ROSBAG2 for change in CHANGES if kind == name + change)
    folder = by_rosbags(tmp_path / "bags" / "episode_0000", *ROSBAG2[stem], content)
    CHANGES[kind.removeprefix(stem)](folder)
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
    found = check(stored, TAKEN)
    assert found.good, found.problems
    assert Decoder(bag)(e.ARM, next(iter(bag.messages([e.ARM]))).data).name == e.ARM_NAMES
    assert info(stored).messages == len(content)
    assert select_topics(bag, PlayOptions()) == [topic for topic in bag.topics if topic != e.COMMAND]
    trim(stored, tmp_path / "part", 0.0, 99.0, progress=False)
    merge([stored], tmp_path / "copy", progress=False)
    recover(stored, tmp_path / "whole", progress=False)
    for copy in ("part", "copy", "whole"):
        assert sorted(of(open_bag(tmp_path / copy))) == sorted(content)


def test_a_file_of_any_writer_is_read_whatever_it_leaves_out(tmp_path):
    """Each option of Foxglove's writer with each other one: a reader may rely on none."""
    few = e.messages(seconds=0.1)
    switches = ("use_statistics", "repeat_channels", "repeat_schemas", "use_summary_offsets")
    storages = [(False, CompressionType.NONE), *((True, kind) for kind in CompressionType)]
    indexes = (
        IndexType.ALL, IndexType.NONE, IndexType.CHUNK, IndexType.MESSAGE, IndexType.CHUNK | IndexType.MESSAGE
    )  # fmt: skip
    for number, ((chunks, kind), index, *on) in enumerate(
        itertools.product(storages, indexes, *[(False, True)] * 4)
    ):
        options = dict(
            zip(switches, on, strict=True), index_types=index, compression=kind, use_chunking=chunks
        )
        bag = open_bag(by_mcap(tmp_path / f"{number}.mcap", few, chunk_size=2000, **options))
        assert bag.complete, options
        assert of(bag) == few, options
        assert len(list(bag.messages([e.ARM]))) == bag.counts[e.ARM] > 0, options


def test_a_part_that_the_index_does_not_lead_to_is_not_left_out_silently(tmp_path, content):
    file = by_mcap(tmp_path / "a.mcap", content, chunk_size=5000)
    whole = open_bag(file)
    whole.files[0].contents.counts[e.ARM] += 1
    with pytest.raises(
        BagError, match=r"a\.mcap: its index leads to \d+ of \d+ messages; try `f2o bag recover`"
    ):
        of(whole)


def sqlite_by_hand(file, content, journal="DELETE"):
    """rosbag2's first schema: no definitions, no QoS; a topic that is declared twice; its writer is still open."""
    file.parent.mkdir()
    database = sqlite3.connect(file)
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT)"
    )
    database.execute(
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)"
    )
    for topic in KINDS:
        database.execute(
            "INSERT INTO topics(name, type, serialization_format) VALUES (?, ?, 'cdr')", (topic, KINDS[topic])
        )
    database.execute("INSERT INTO topics VALUES (99, ?, ?, 'cdr')", (e.ARM, KINDS[e.ARM]))
    numbers = {topic: k + 1 for k, topic in enumerate(KINDS)}
    for k, (topic, data, log) in enumerate(content):
        number = 99 if topic == e.ARM and k % 2 else numbers[topic]
        database.execute(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", (number, log, data)
        )
    database.commit()
    return database


def test_an_old_sqlite_file_is_read_and_topics_of_one_name_add_up(tmp_path, content):
    sqlite_by_hand(tmp_path / "a" / "a_0.db3", content).close()
    bag = open_bag(tmp_path / "a")
    assert bag.complete and of(bag) == content
    assert bag.counts[e.ARM] == sum(topic == e.ARM for topic, _, _ in content)
    assert check(tmp_path / "a", TAKEN).good


def test_what_a_killed_sqlite_recorder_left_in_its_journal_is_read(tmp_path, content):
    writer = sqlite_by_hand(tmp_path / "a" / "a_0.db3", content, "WAL")
    shutil.copytree(tmp_path / "a", tmp_path / "killed")
    writer.close()
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == [
        "a_0.db3",
        "a_0.db3-shm",
        "a_0.db3-wal",
    ]
    assert not open_bag(tmp_path / "killed").complete
    assert recover(tmp_path / "killed", progress=False).messages == len(content)
    assert of(open_bag(tmp_path / "killed_recovered")) == content


def test_a_journal_that_a_reader_left_empty_truncates_nothing(tmp_path, content):
    """rosbag2 opens a file of its preset `resilient` (WAL) to read it, and leaves this."""
    sqlite_by_hand(tmp_path / "a" / "a_0.db3", content, "WAL").close()
    (tmp_path / "a" / "a_0.db3-wal").write_bytes(b"")
    (tmp_path / "a" / "a_0.db3-shm").write_bytes(bytes(32768))
    bag = open_bag(tmp_path / "a")
    assert bag.complete and of(bag) == content


def test_messages_that_overtook_each_other_while_they_were_compressed_set_no_clock_back(tmp_path, content):
    """rosbag2 compresses with a thread for each core: rows lie in another order than their times."""
    squeezed = [(topic, zstandard.compress(data), log) for topic, data, log in content]
    early = squeezed.pop(next(k for k, (_, _, log) in enumerate(squeezed) if log > e.T0 + 500_000_000))
    late = next(k for k, (_, _, log) in enumerate(squeezed) if log > early[2] + 130_000_000)
    squeezed.insert(late, early)
    sqlite_by_hand(tmp_path / "a" / "a_0.db3", squeezed).close()
    assert sorted(of(open_bag(tmp_path / "a"))) == sorted(content)
    assert check(tmp_path / "a", TAKEN).good
    back = [(topic, data, log - 5_000_000_000 * (k > 300)) for k, (topic, data, log) in enumerate(squeezed)]
    sqlite_by_hand(tmp_path / "b" / "b_0.db3", back).close()
    (told,) = check(tmp_path / "b", TAKEN).problems[:1]
    assert told.startswith("the recorder's clock was set back by ")


@pytest.mark.parametrize("closed", [False, True])
def test_a_sqlite_file_that_was_never_closed_is_unfinished(tmp_path, content, closed):
    """rosbag2 0.26 writes its metadata into the file when it opens it, and again when it closes it."""
    database = sqlite_by_hand(tmp_path / "a" / "a_0.db3", content)
    database.execute("CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER, metadata TEXT)")
    for _ in range(1 + closed):
        database.execute("INSERT INTO metadata(metadata_version, metadata) VALUES (9, 'message_count: 0')")
    database.commit()
    database.close()
    assert open_bag(tmp_path / "a").complete == closed
    if not closed:
        assert of(open_bag(recover(tmp_path / "a", progress=False).folder)) == content


def test_labels_are_text_however_they_are_written(tmp_path, content):
    folder = by_rosbags(tmp_path / "a", StoragePlugin.MCAP, None, content)
    text = (folder / "metadata.yaml").read_text()
    head, _, tail = text.partition("  custom_data:\n")
    kept = next(k for k, line in enumerate(tail.split("\n")) if line and not line.startswith("    "))
    rest = tail.split("\n")[kept:]
    labels = ["success: true", "task: no", "seed: 007", "operator: 'ada: 2'"]
    lines = ["  custom_data:", *(f"    {line}" for line in labels), *rest]
    (folder / "metadata.yaml").write_text(head + "\n".join(lines))
    found = open_bag(folder).labels
    assert [found[key] for key in ("success", "task", "seed", "operator")] == ["true", "no", "007", "ada: 2"]


@pytest.mark.parametrize("lost", ["damaged", "missing"])
def test_a_part_that_cannot_be_read_is_left_out_of_what_is_recovered(tmp_path, content, lost):
    third = len(content) // 3
    pieces = content[:third], content[third : 2 * third], content[2 * third :]
    for k, piece in enumerate(pieces):
        by_mcap(tmp_path / "day" / f"day_{k}.mcap", piece)
    names = [f"day_{k}.mcap" for k in range(3)]
    (tmp_path / "day" / "metadata.yaml").write_text(
        yaml.safe_dump({"rosbag2_bagfile_information": {"relative_file_paths": names}})
    )
    middle = tmp_path / "day" / "day_1.mcap"
    middle.write_bytes(b"what?" * 100) if lost == "damaged" else middle.unlink()
    with pytest.raises(BagError):
        open_bag(tmp_path / "day")
    done = recover(tmp_path / "day", progress=False)
    (why,) = done.left_out
    assert why.startswith(f"{middle}: ")
    assert of(open_bag(done.folder)) == [*pieces[0], *pieces[2]]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_file_that_is_cut_off_is_recovered_up_to_its_end(tmp_path, content, storage):
    folder = by_rosbags(tmp_path / "a", *ROSBAG2[storage], content)
    (file,) = (f for f in folder.iterdir() if f.name != "metadata.yaml")
    if storage == "mcap":
        by_mcap(file, content, chunk_size=4096)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 7 // 10])
    assert check(folder, TAKEN).problems[0] == "its recording is truncated (f2o bag recover)"
    done = recover(folder, progress=False)
    assert 0.2 < done.messages / len(content) < 0.95
    assert of(open_bag(done.folder)) == content[: done.messages]


@pytest.mark.parametrize("storage", ["mcap zstd file", "sqlite3 zstd file"])
def test_a_compressed_file_that_is_cut_off_in_its_first_block_is_one_sentence(tmp_path, content, storage):
    folder = by_rosbags(tmp_path / "a", *ROSBAG2[storage], content)
    (file,) = folder.glob("*.zstd")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    (problem,) = check(folder, TAKEN).problems
    assert problem.startswith(f"{file}: ")
    assert "\n" not in problem


def test_a_definition_that_nobody_needs_refuses_no_sqlite_file(tmp_path, content):
    folder = by_rosbags(tmp_path / "a", StoragePlugin.SQLITE3, None, content)
    with sqlite3.connect(next(folder.glob("*.db3"))) as database:
        database.execute("INSERT INTO topics VALUES (77, '/ft/wrench', 'my_msgs/msg/Wrench', 'cdr', '', '')")
        database.execute(
            "INSERT INTO message_definitions VALUES (77, 'my_msgs/msg/Wrench', 'ros2idl', 'what?', '')"
        )
        database.execute("INSERT INTO messages VALUES (9999, 77, ?, ?)", (content[-1][2], b"\0\1\0\0"))
    database.close()
    assert check(folder, TAKEN).good
    assert of(open_bag(folder)) == [*content, ("/ft/wrench", b"\0\1\0\0", content[-1][2])]


def test_nothing_in_a_folder_is_passed_over(tmp_path, content):
    """A bag, a part of it that metadata.yaml does not know, another recording beside it, more below, a way back."""
    half = len(content) // 2
    folder = by_rosbags(tmp_path / "day", StoragePlugin.MCAP, None, content[:half])
    (folder / "day.mcap").rename(folder / "day_0.mcap")
    text = (folder / "metadata.yaml").read_text()
    (folder / "metadata.yaml").write_text(text.replace("day.mcap", "day_0.mcap"))
    by_mcap(folder / "day_1.mcap", content[half:])  # the recorder was killed after it had begun a new part
    by_mcap(folder / "other.mcap", content)
    (folder / "damaged").mkdir()
    (folder / "damaged" / "metadata.yaml").write_text("a: [")
    e.write(folder / "deeper" / "still")
    (folder / "deeper" / "back").symlink_to(folder)
    assert [str(p.relative_to(tmp_path)) for p in find_bags([folder, tmp_path])] == [
        "day", "day/damaged", "day/deeper/still/episode_0000", "day/other.mcap"
    ]  # fmt: skip
    assert of(open_bag(folder)) == content
    with pytest.raises(BagError, match=r"damaged: no readable metadata\.yaml"):
        open_bag(folder / "damaged")


def test_of_several_paths_one_without_a_recording_has_its_own_sentence(tmp_path):
    e.write(tmp_path)
    (tmp_path / "notes.txt").touch()
    found = find_bags([tmp_path / "episode_0000", tmp_path / "notes.txt", tmp_path / "nowhere"])
    assert [check(path).problems for path in found] == [
        (),
        (f"{tmp_path}/notes.txt: not a bag: expected an episode's folder or a file ending in .mcap, .db3",),
        (f"{tmp_path}/nowhere: no such bag",),
    ]


def test_a_truncated_recording_is_found_whatever_its_name(tmp_path, content):
    whole = by_mcap(tmp_path / "bags" / "killed" / "killed_0.mcap", content, chunk_size=8192).parent
    file = whole / "killed_0.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    e.write(tmp_path / "bags", "episode_0001")
    assert [p.name for p in find_bags([tmp_path / "bags"])] == ["episode_0001", "killed"]
    assert find_unfinished([tmp_path / "bags"]) == [whole]
    assert check(whole, TAKEN).problems == ("its recording is truncated (f2o bag recover)",)
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
    assert check(folder, TAKEN).good, check(folder, TAKEN).problems
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
    assert bag.counts == {e.ARM: 150}
    assert [m[2] for m in of(bag)] == [log for topic, _, log in content if topic == e.ARM]


def test_labels_come_from_the_file_where_metadata_is_lost(tmp_path):
    folder = e.write(tmp_path, operator="ada", success="false")
    (folder / "metadata.yaml").unlink()
    assert (open_bag(folder).labels["operator"], open_bag(folder).labels["success"]) == ("ada", "false")


@pytest.mark.parametrize("late", [False, True])
def test_labels_survive_a_tool_that_copies_messages_alone(tmp_path, content, late):
    """As `ros2 bag convert`: messages come through, metadata's custom_data and the file's records do not."""
    writer = BagWriter(tmp_path, "a", e.topics(), {"success": "unknown", "operator": "ada"})
    for topic, data, log in content:
        writer.write(BagMessage(topic, data, log, log))
    judged = {"success": "false", "strategy": "left"}
    folder = writer.close({"operator": "ada", "success": "unknown", **({} if late else judged)}).folder
    folder = save_bag(folder, judged)  # late: judged after the recording was stopped
    assert sorted(f.name for f in folder.glob("*.mcap")) == ["a_0.mcap", "a_1.mcap"][: 1 + late]
    expected = {"operator": "ada", **judged}
    assert open_bag(folder).labels == expected and of(open_bag(folder)) == content
    with AnyReader([folder]) as reader:  # names and counts of metadata.yaml are the files'
        assert len(list(reader.messages())) == reader.message_count == len(content) + 2 + late
        for storage, each in itertools.product(
            (StoragePlugin.MCAP, StoragePlugin.SQLITE3), (None, CompressionMode.MESSAGE)
        ):
            copied = tmp_path / f"{storage.name}{each}"
            copy = Writer(copied, version=9, storage_plugin=storage)
            if each is not None:
                copy.set_compression(each, CompressionFormat.ZSTD)
            with copy:
                connections = {
                    c.id: copy.add_connection(c.topic, c.msgtype, typestore=e.STORE)
                    for c in reader.connections
                }
                for connection, log, data in reader.messages():
                    copy.write(connections[connection.id], log, data)
            (copied / "metadata.yaml").unlink()
            bag = open_bag(copied)
            assert bag.labels == expected
            assert sorted(of(bag)) == sorted(content)  # the labels' topic is no part of the episode
    (folder / "metadata.yaml").unlink()
    assert open_bag(folder).labels["success"] == "false"


def test_an_episode_that_nobody_judged_is_said(tmp_path):
    folder = e.write(tmp_path, success="unknown")
    told = "nobody judged it: no label success, true or false (--unlabelled takes it all the same)"
    assert check(folder).problems == (told,)
    assert check(folder, TAKEN).good


def test_what_cannot_be_read_is_one_sentence(tmp_path, content):
    folder = by_mcap(tmp_path / "a" / "a_0.mcap", content[:10]).parent
    (folder / "a_0.mcap").rename(folder / "a_0.mcap.zstd")
    assert of(open_bag(folder)) == content[:10]  # the bytes tell how it is stored, not the name
    (folder / "a_0.mcap.zstd").write_bytes(zstandard.compress(b"no mcap")[:6] + b"what?")
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
    (folder / "a_0.db3").unlink()
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
        assert open_bag(folder).counts[e.COMMAND] == 150
        assert sum(1 for _ in open_bag(folder).messages([e.COMMAND])) == 150
    merge([old, tmp_path / "new"], tmp_path / "both", progress=False)
    assert open_bag(tmp_path / "both").counts[e.COMMAND] == 300


def stored_names(folder):
    listed = {t["topic_metadata"]["name"] for t in read_metadata(folder)["topics_with_message_count"]}
    return listed - {LABELS_TOPIC}


def test_what_is_said_of_a_topic_survives_a_copy(tmp_path, content):
    folder = e.write(tmp_path, content=content)
    merge([folder], tmp_path / "copy", progress=False)
    before, after = open_bag(folder), open_bag(tmp_path / "copy")
    assert after.topics == before.topics
    assert after.topics[e.MODE].offered_qos == (e.LATCHED,)
    assert json.loads(after.labels["expected_hz"]) == e.HZ
