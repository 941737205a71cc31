import json
import os
import shutil
import types

import pytest
from f2o_bags.definitions import find_definition, known_definition
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS_TOPIC, to_cdr
from f2o_bags.latched import TRANSFORMS
from f2o_bags.metadata import read_metadata
from f2o_bags.numbering import next_index, partial_bags
from f2o_bags.read import open_bag
from f2o_bags.writer import LATCHED_QOS
from f2o_nodekit.config import ConfigError, load_config
from f2o_nodekit.paths import config_file
from f2o_teleop.errors import CommandError, DiskSpaceError, RateError
from f2o_teleop.recorder_config import RecorderConfig, TopicConfig, read_calibration
from f2o_teleop.session import Session
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from f2o_teleop import session as module

S = 10**9
PART = b"\x00\x01\x00\x00" + bytes(8)
TOPICS = {"/a": TopicConfig("toy/msg/Part"), "/mode": TopicConfig("toy/msg/Part", qos="latched")}


@pytest.fixture
def make(tmp_path, prefix):
    def build(**changes):
        settings = {
            "topics": TOPICS,
            "output": str(tmp_path / "bags"),
            "task": "toy",
            "min_free_gb": 0.0,
            **changes,
        }
        kinds = ("toy/msg/Part", "toy/msg/Point")
        definitions = {kind: find_definition(kind, [prefix]) for kind in kinds}
        return Session(RecorderConfig(**settings), definitions)

    return build


def names(tmp_path):
    return sorted(entry.name for entry in (tmp_path / "bags").iterdir())


def test_two_episodes_one_discarded(make, tmp_path):
    session = make(operator="ada", seed=3)
    session.message("/a", PART, 1)  # before the start: not kept
    assert session.command("start", 100) == "episode_0000 recording"
    for k in range(5):
        session.message("/a", PART, 100 + k * 10**9, 0, b"me", k)
    report = session.command('success {"strategy": "left"}', 200)
    assert report.startswith("episode_0000 saved (true): 4.00 s, 5 messages, 0 dropped, ")
    assert report.endswith(": /a 5; nothing on /mode")
    session.command("start", 300)
    session.message("/a", PART, 300)
    assert names(tmp_path) == ["episode_0000", "episode_0001.partial"]
    assert session.command("discard", 400).startswith("episode_0001 discarded")
    assert names(tmp_path) == ["episode_0000"]
    labels = read_metadata(tmp_path / "bags" / "episode_0000")["custom_data"]
    assert {k: v for k, v in labels.items() if k != "versions"} == {
        "robot": "panda", "task": "toy", "operator": "ada", "seed": "3", "success": "true", "index": "0",
        "strategy": "left", "expected_hz": "{}", "calibration": "", "drops": "0", "lost": "0",
    }  # fmt: skip
    assert "python" in json.loads(labels["versions"])


def test_what_is_latched_is_repeated_at_every_start_and_stored_as_such(tmp_path):
    topics = {
        "/tf_static": TopicConfig(TRANSFORMS, qos="latched", optional=True),
        "/robot_description": TopicConfig("std_msgs/msg/String", qos="latched"),
    }
    definitions = {entry.type: known_definition(entry.type) for entry in topics.values()}
    offered = ({**LATCHED_QOS, "depth": 7},)
    config = RecorderConfig(topics=topics, output=str(tmp_path / "bags"), min_free_gb=0.0)
    session = Session(config, definitions, lambda topic: offered if topic == "/tf_static" else ())
    sent = [("/tf_static", transforms("link1")), ("/tf_static", transforms("camera"))]
    sent += [("/robot_description", to_cdr({})), ("/robot_description", to_cdr({"urdf": "<robot/>"}))]
    for topic, data in sent:
        session.message(topic, data, 1)
    for number in range(2):
        session.command("start", 100 + number)
        session.command("success", 200)
        bag = open_bag(tmp_path / "bags" / f"episode_{number:04d}")
        own = [(m.topic, m.data, m.log_ros_ns) for m in bag.messages() if m.topic != LABELS_TOPIC]
        assert own == [(topic, data, 100 + number) for topic, data in (*sent[:2], sent[3])]
        assert bag.topics["/tf_static"].offered_qos[0]["depth"] == 7
        assert bag.topics["/robot_description"].latched  # although nobody published it at the start


def transforms(frame):
    """A message that places one frame."""
    store = get_typestore(Stores.LATEST)
    kind = {name: store.types[f"geometry_msgs/msg/{name}"] for name in ("Vector3", "Quaternion", "Transform")}
    pose = kind["Transform"](kind["Vector3"](0.0, 0.0, 0.0), kind["Quaternion"](0.0, 0.0, 0.0, 1.0))
    header = store.types["std_msgs/msg/Header"](store.types["builtin_interfaces/msg/Time"](0, 0), "base")
    placed = store.types["geometry_msgs/msg/TransformStamped"](header, frame, pose)
    return bytes(store.serialize_cdr(store.types[TRANSFORMS]([placed]), TRANSFORMS))


STAMPED = {"/a": TopicConfig("toy/msg/Point", hz=10.0), "/b": TopicConfig("toy/msg/Point", hz=100.0)}


def feed(session, topic, hz, begin_s, end_s):
    for k in range(round((end_s - begin_s) * hz)):
        session.message(topic, b"\x00\x01\x00\x00" + bytes(40), round((begin_s + k / hz) * S))


def test_a_silent_or_slow_topic_refuses_the_start_by_name_and_rate(make, tmp_path):
    session = make(topics=STAMPED)
    with pytest.raises(
        RateError, match=r"^start: /a is silent, expected 10 Hz; /b is silent, expected 100 Hz \("
    ):
        session.command("start", S)
    feed(session, "/a", 10.0, 1.0, 3.0)
    feed(session, "/b", 40.0, 1.0, 3.0)
    with pytest.raises(
        RateError, match=r"^start: /b comes at 40.0 Hz, expected 100 Hz \(recorder.yaml: preflight"
    ):
        session.command("start", 3 * S)
    assert (session.state().state, names(tmp_path)) == ("ready", [])
    feed(session, "/b", 95.0, 3.0, 4.1)
    feed(session, "/a", 9.5, 3.0, 4.1)
    assert session.command("start", round(4.1 * S)) == "episode_0000 recording"
    session.command("save", 5 * S)
    with pytest.raises(RateError, match="/a is silent"):  # it has ceased meanwhile
        session.command("start", 6 * S)


def test_a_topic_that_has_just_come_back_is_judged_by_what_it_does_now(make):
    session = make(topics={"/b": TopicConfig("toy/msg/Point", hz=100.0)})
    feed(session, "/b", 100.0, 1.0, 1.5)
    feed(session, "/b", 100.0, 9.0, 9.1)  # the bridge was disarmed in between
    assert session.rates(round(9.1 * S))["/b"] == pytest.approx(100.0)
    session.command("start", round(9.1 * S))


def test_the_preflight_can_be_told_to_let_everything_through(make):
    assert make(topics=STAMPED, preflight=False).command("start", S) == "episode_0000 recording"


@pytest.mark.parametrize(
    ("numbers", "said", "labels"),
    [
        ((None, 4, 5, 8, 9), "2 lost in transport (/a 2), ", ("2", None)),  # as rclpy of Jazzy tells it
        (
            (7, 1, 2, 9, 3),
            "0 lost in transport, not counted on /a, ",
            ("0", '["/a"]'),
        ),  # 9: of a second publisher
        ((7, 8, 1, 2, 5), "0 lost in transport, not counted on /a, ", ("0", '["/a"]')),  # it started again
        (
            (None, None, None),
            "0 lost in transport, not counted on /a, ",
            ("0", '["/a"]'),
        ),  # another middleware
    ],
)
def test_where_the_publisher_is_not_told_losses_are_counted_or_said_not_to_be(
    make, tmp_path, numbers, said, labels
):
    session = make(topics=STAMPED, preflight=False)
    before, *during = numbers
    session.message("/a", PART, S, 0, None, before)
    session.command("start", S)
    for k, number in enumerate(during):
        session.message("/a", PART, S + k, 0, None, number)
    assert said in session.command("save", 2 * S)
    kept = read_metadata(tmp_path / "bags" / "episode_0000")["custom_data"]
    assert (kept["lost"], kept.get("lost_uncounted")) == labels


def test_publishers_that_are_told_apart_are_counted_each_by_itself(make):
    session = make(topics=STAMPED, preflight=False)
    session.command("start", S)
    for publisher, number in ((b"1", 1), (b"2", 90), (b"1", 2), (b"2", 92), (b"1", 3)):
        session.message("/a", PART, S, 0, publisher, number)
    assert "1 lost in transport (/a 1), " in session.command("save", 2 * S)


def test_the_report_names_gaps_losses_and_drops(make, tmp_path):
    session = make(topics=STAMPED, preflight=False, queue_mb=1e-4, flush_s=5.0)
    session.command("start", S)
    for k in range(5):
        t = S + round((k if k < 3 else k + 2) * 0.1 * S)
        session.message("/a", b"\x00\x01\x00\x00" + bytes(40), t, 0, b"me", 10 * k)
    report = session.command("save", 2 * S)
    assert "2 messages, 3 dropped (/a 3), 36 lost in transport (/a 36)" in report
    custom = read_metadata(tmp_path / "bags" / "episode_0000")["custom_data"]
    assert (custom["drops"], custom["lost"], custom["missing"]) == ("3", "36", '{"/a": 39}')
    again = make(topics=STAMPED, preflight=False)
    again.command("start", S)
    for k in range(5):
        again.message(
            "/a", b"\x00\x01\x00\x00" + bytes(40), S + (k + 2 * (k > 2)) * S // 10, 0, b"me", 50 + k
        )
    report = again.command("save", 2 * S)
    assert "0 dropped, 0 lost in transport, " in report
    assert "worst gap 600 ms (/b)" in report  # of which nothing came at all: 60 of its periods


def test_stop_completes_the_bag_before_the_verdict(make, tmp_path):
    session = make()
    session.command("start", 0)
    session.message("/a", PART, 5)
    session.command("stop", 10)
    assert session.state().state == "review"
    session.message("/a", PART, 20)  # after the stop: not kept
    with AnyReader([tmp_path / "bags" / "episode_0000.partial"]) as reader:
        assert reader.message_count == 1 + 2  # the labels
    session.command("failure", 30)
    assert read_metadata(tmp_path / "bags" / "episode_0000")["custom_data"]["success"] == "false"


def test_latched_messages_are_repeated_in_every_bag(make, tmp_path):
    session = make()
    session.message("/mode", PART, 1)
    for k in range(2):
        session.command("start", 1000 + k)
        session.command("save", 2000 + k)
        with AnyReader([tmp_path / "bags" / f"episode_000{k}"]) as reader:
            assert [(c.topic, t, raw) for c, t, raw in reader.messages() if c.topic != LABELS_TOPIC] == [
                ("/mode", 1000 + k, PART)
            ]


def test_the_state_follows(make):
    session = make()
    assert session.state().to_json() == json.dumps(
        {
            "state": "ready",
            "index": 0,
            "path": "",
            "messages": 0,
            "drops": 0,
            "success": "unknown",
            "note": "",
        }
    )
    session.command("start", 0)
    session.message("/a", PART, 5)
    state = session.state()
    assert (state.state, state.messages, state.drops) == ("recording", 1, 0)
    assert state.path.endswith("episode_0000.partial")
    session.command("success", 10)
    state = session.state()
    assert (state.state, state.messages, state.success) == ("saved", 1, "true")
    assert state.path.endswith("bags/episode_0000")


def test_impossible_commands_change_nothing_and_are_noted(make, tmp_path):
    session = make()
    with pytest.raises(CommandError, match="stop: not possible while ready; expected start"):
        session.command("stop", 0)
    assert session.state().note == "stop: not possible while ready; expected start"
    session.command("start", 0)
    with pytest.raises(CommandError):
        session.command("start", 0)
    assert session.recording
    session.close()
    assert names(tmp_path) == ["episode_0000"]


def test_numbering_resumes_behind_everything_that_lies_there(make, tmp_path):
    bags = tmp_path / "bags"
    for name in ("episode_0003", "episode_0007.partial", "episode_0002.mcap", "other_9999", "episode_x"):
        (bags / name).mkdir(parents=True)
    (bags / "episode_0007.partial" / "episode_0007_0.mcap").write_bytes(b"half")
    assert (next_index(bags), partial_bags(bags)) == (8, ["episode_0007.partial"])
    session = make()
    assert session.state().note == "unfinished bags of earlier sessions, kept: episode_0007.partial"
    session.command("start", 0)
    session.command("save", 1)
    assert (bags / "episode_0008").is_dir()
    assert (bags / "episode_0007.partial" / "episode_0007_0.mcap").read_bytes() == b"half"


@pytest.mark.parametrize("stop_first", [False, True])
def test_closing_keeps_what_was_recorded_with_success_unknown(make, tmp_path, stop_first):
    session = make()
    session.command("start", 0)
    session.message("/a", PART, 5)
    if stop_first:
        session.command("stop", 6)
    assert session.close().startswith("episode_0000 saved (unknown): ")
    assert session.close() == ""
    assert read_metadata(tmp_path / "bags" / "episode_0000")["custom_data"]["success"] == "unknown"


def free(monkeypatch, gigabytes):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=gigabytes * 1e9))


def test_a_full_disk_refuses_the_start_and_ends_a_recording(make, tmp_path, monkeypatch):
    session = make(min_free_gb=2.0)
    free(monkeypatch, 1.5)
    with pytest.raises(DiskSpaceError, match=r"start: .*bags: 1.5 GB free, expected 2 GB or more"):
        session.command("start", 0)
    assert names(tmp_path) == []
    free(monkeypatch, 2.5)
    session.command("start", 0)
    assert session.tick() == ""
    free(monkeypatch, 1.9)
    assert session.tick().endswith("(less than 2 GB left on the disk)")
    assert names(tmp_path) == ["episode_0000"]
    assert session.tick() == ""


def test_a_disk_that_fails_leaves_the_bag_and_the_session_usable(make, tmp_path):
    session = make()
    session.command("start", 0)
    with open("/dev/full", "wb") as full:  # the kernel itself says ENOSPC from here on
        os.dup2(full.fileno(), session._spool._bag._file.fileno())
    session.message("/a", PART, 5)
    session._spool._thread.join(5.0)
    assert "kept as it is, not complete: No space left on device" in session.tick()
    assert session.state().state == "ready"
    assert names(tmp_path) == ["episode_0000.partial"]
    session.command("start", 10)
    session.command("save", 20)
    assert names(tmp_path) == ["episode_0000.partial", "episode_0001"]


def test_a_disk_that_goes_away_ends_the_recording_in_a_sentence(make, tmp_path):
    session = make()
    session.command("start", 0)
    session.message("/a", PART, 5)
    shutil.rmtree(tmp_path / "bags")
    told = session.tick()
    assert "kept as it is, not complete: No such file or directory" in told
    assert told.endswith("bags: No such file or directory; expected a folder on a disk)")
    assert session.state().state == "ready" and session.tick() == ""
    with pytest.raises(BagError, match=r"bags: No such file or directory; expected a folder on a disk$"):
        session.command("start", 10)


def test_a_discarded_bag_that_is_gone_already_is_a_sentence(make, tmp_path):
    session = make()
    session.command("start", 0)
    session.command("stop", 1)
    shutil.rmtree(tmp_path / "bags" / "episode_0000.partial")
    with pytest.raises(BagError, match="cannot be deleted: No such file or directory"):
        session.command("discard", 2)


def test_a_taken_name_leaves_the_bag_for_another_try(make, tmp_path):
    session = make()
    session.command("start", 0)
    blocker = tmp_path / "bags" / "episode_0000"
    blocker.mkdir()
    (blocker / "file").touch()
    with pytest.raises(BagError, match=r"stays in episode_0000\.partial"):
        session.command("save", 1)
    assert session.state().state == "review"
    shutil.rmtree(blocker)
    assert session.command("success", 2).startswith("episode_0000 saved (true)")


def test_an_output_that_cannot_be_made_is_named(make, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BagError, match=r"output .*file/bags: cannot be made"):
        make(output=str(tmp_path / "file" / "bags"))


def test_the_installed_configuration_is_legal_and_names_every_topic():
    path = config_file("recorder.yaml")
    topics = load_config(RecorderConfig, path, {"output": "bags"}).all_topics()
    assert len(topics) == 3 * 4 + 11
    assert topics["/wrist/color/image_raw"].type == "sensor_msgs/msg/Image"
    assert topics["/f2o/mode"].qos == "latched"
    config = load_config(RecorderConfig, path, {"output": "bags"})
    assert len(config.expected_hz()) == 3 * 4 + 3
    assert "wrist:" in read_calibration(config)


def test_a_bag_has_the_topics_names_without_the_arms_namespace():
    path = config_file("recorder.yaml")
    given = load_config(RecorderConfig, path, {"output": "bags", "cameras": ["wrist"]})
    left = load_config(
        RecorderConfig, path, {"output": "bags", "cameras": ["wrist"], "camera": "cell/{view}"}, "/left"
    )
    assert "/left/f2o/mode" in left.all_topics()
    assert "/left/cell/wrist/color/image_raw" in left.all_topics()
    kept = left.within_bag("/left")
    assert kept.topics.items() >= given.topics.items()
    assert set(kept.all_topics()) - set(given.all_topics()) == {
        topic.replace("/wrist/", "/cell/wrist/") for topic in given.all_topics() if topic.startswith("/wrist")
    }
    assert kept.all_topics().keys() == left.within_bag("/right").within_bag("/left").all_topics().keys()


def test_a_topic_that_is_none_is_named(tmp_path):
    path = tmp_path / "recorder.yaml"
    path.write_text("topics: {a b: {type: std_msgs/msg/String}}\noutput: bags\n")
    with pytest.raises(ConfigError, match=r"1 error: topics\.a b: expected a topic name, got 'a b'"):
        load_config(RecorderConfig, path)


def test_a_calibration_that_is_not_there_is_named():
    config = RecorderConfig(topics=TOPICS, output="bags", calibration="/etc/nowhere.yaml")
    with pytest.raises(ConfigError, match=r"/etc/nowhere.yaml: 1 error: cannot be read \(No such file"):
        read_calibration(config)


def test_every_wrong_key_is_reported(tmp_path):
    path = tmp_path / "recorder.yaml"
    path.write_text(
        "topics: {/a: {type: Part, qos: fast, depth: 0}}\ncompression: gzip\nqueue_mb: 0.0\nmin_free_gb: -1\n"
        "camera_hz: -1\nmin_rate: 2\n"
    )
    with pytest.raises(ConfigError) as raised:
        load_config(RecorderConfig, path)
    assert raised.value.problems == [
        "topics./a.type: expected package/msg/Type, got 'Part'",
        "topics./a.qos: expected one of sensor, reliable, latched, got 'fast'",
        "topics./a.depth: expected an integer of at least 1, got 0",
        "output: missing, expected a path",
        "camera_hz: expected a number of at least 0, got -1",
        "min_rate: expected a number above 0 and at most 1, got 2",
        "compression: expected one of none, lz4, zstd, got 'gzip'",
        "queue_mb: expected a number above 0, got 0.0",
        "min_free_gb: expected a number of at least 0, got -1",
    ]
