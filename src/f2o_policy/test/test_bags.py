"""Recorded bags become episodes, through the perception of the robot; bad bags are skipped and named."""

import dataclasses
import re
from functools import partial

import numpy as np
import pytest
import yaml
from f2o_bags.check import check
from f2o_bags.discovery import find_bags
from f2o_bags.errors import BagError
from f2o_bags.labels import LABELS_TOPIC, to_cdr
from f2o_bags.read import open_bag
from f2o_perception.config import PerceptionConfig
from f2o_perception.convert import frame_from_msgs, gripper_from_msg, joints_from_msg
from f2o_perception.pipeline import ObservationPipeline
from f2o_perception.workspace import Workspace
from f2o_policy.data.bags import convert, spans
from f2o_policy.data.bags import read_bag as read
from f2o_policy.data.demonstration import motion
from f2o_policy.data.replay import BagReplay
from f2o_policy.data.rules import perception_problems
from f2o_policy.data.store import Dataset
from f2o_policy.errors import EpisodeError
from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

VIEWS = ("wrist", "front")
JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))
FINGERS = ("panda_finger_joint1", "panda_finger_joint2")
START_NS = 10**18
STILL_S, SECONDS = 0.4, 1.0
STORE = get_typestore(Stores.ROS2_JAZZY)
TYPES = STORE.types


@pytest.fixture(scope="module")
def perception(tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "cameras.yaml"
    mount = {
        "parent": "panda_link0",
        "xyz": [0.5, 0.0, 1.0],
        "quaternion": [1.0, 0.0, 0.0, 0.0],
    }  # looks down
    file.write_text(yaml.safe_dump({"cameras": {view: mount for view in VIEWS}}))
    return PerceptionConfig(
        views=VIEWS, image_size=32, points=64, calibration=str(file), workspace=Workspace(z=(-0.5, 0.6))
    )


def stamped(kind, t_ns, **fields):
    stamp = TYPES["builtin_interfaces/msg/Time"](*divmod(START_NS + t_ns, 10**9))
    return TYPES[kind](header=TYPES["std_msgs/msg/Header"](stamp, "frame"), **fields)


def joint_state(t_ns, names, positions):
    none = np.zeros(0)
    return stamped(
        "sensor_msgs/msg/JointState", t_ns, name=list(names), position=np.array(positions, float), velocity=none,
        effort=none,
    )  # fmt: skip


def image(t_ns, pixels, encoding):
    height, width = pixels.shape[:2]
    return stamped(
        "sensor_msgs/msg/Image", t_ns, height=height, width=width, encoding=encoding, is_bigendian=0,
        step=pixels.nbytes // height, data=pixels.reshape(-1).view(np.uint8),
    )  # fmt: skip


def camera_info(t_ns):
    roi = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    k = np.array([40.0, 0, 20, 0, 40, 15, 0, 0, 1])
    return stamped(
        "sensor_msgs/msg/CameraInfo", t_ns, height=30, width=40, distortion_model="", d=np.zeros(0), k=k,
        r=np.eye(3).ravel(), p=np.zeros(12), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def angle(t_s):
    """Joint 1: still, then moving at 1 rad/s."""
    return max(0.0, t_s - STILL_S)


def messages(rng):
    """(topic, time, message) of one episode, 7 joints in another order than the policy's."""
    names = (*reversed(JOINTS), "gripper_width")
    for tick in range(int(SECONDS * 125)):
        t_ns, t_s = tick * 8_000_000, tick * 0.008
        values = [0.0] * 6 + [angle(t_s), 0.08]
        yield "/franka/joint_states", t_ns, joint_state(t_ns, names[:7], values[:7])
        yield "/f2o/joint_command", t_ns, joint_state(t_ns, names, values)
        if tick % 8 == 0:
            yield "/franka_gripper/joint_states", t_ns, joint_state(t_ns, FINGERS, [0.04, 0.04])
        if tick % 4 == 0:
            for view in VIEWS:
                colour = rng.integers(0, 255, (30, 40, 3)).astype(np.uint8)
                depth = np.full((30, 40), 800, np.uint16)
                yield f"/{view}/color/image_raw", t_ns, image(t_ns, colour, "rgb8")
                yield f"/{view}/aligned_depth_to_color/image_raw", t_ns, image(t_ns, depth, "16UC1")
                yield f"/{view}/color/camera_info", t_ns, camera_info(t_ns)


def write_bag(path, seed=0, leave_out=(), control=None, success="true", **labels):
    """`control`: time [s] -> who is in control, as the bridge says in every command."""
    with Writer(path, version=9) as writer:
        for key, value in {"success": success, **labels}.items():
            writer.set_custom_data(key, value)
        connections = {}
        for topic, t_ns, message in messages(np.random.default_rng(seed)):
            if topic in leave_out:
                continue
            if control is not None and topic == "/f2o/joint_command":
                header = dataclasses.replace(message.header, frame_id=control(t_ns / 1e9))
                message = dataclasses.replace(message, header=header)
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], START_NS + t_ns + seed, STORE.serialize_cdr(message, kind))
    return path


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp("bags") / "episode_0000", success="true", seed_="4")


def read_bag(path, perception):
    (found,) = read(open_bag(path), perception).demonstrations
    return found


def test_a_bag_becomes_a_demonstration(bag, perception):
    demonstration = read_bag(bag, perception)
    assert demonstration.meta == {"source": f"episode_0000@{START_NS}", "success": "true"}
    assert demonstration.commands.shape == (125, 8)
    assert demonstration.commands[-1] == pytest.approx(
        [angle(124 * 0.008)] + [0] * 6 + [0.08]
    )  # reordered by name
    first = demonstration.observations[0]
    assert first.view_names == VIEWS
    assert first.points.shape == (64, 3)
    assert first.gripper_width == pytest.approx(0.08)
    assert np.abs(first.points[:, 2] - 0.2).max() < 0.01  # a camera 1 m up that measures 0.8 m


def in_control(t_s):
    """A knock at the beginning, and a correction of 0.55 s."""
    return "teleop" if t_s < 0.05 or 0.4 <= t_s < 0.95 else "policy"


def test_only_the_spans_of_a_person_become_episodes(tmp_path, perception):
    bags = tmp_path / "bags"
    taken = write_bag(bags / "taken", control=in_control)
    write_bag(bags / "alone", control=lambda t: "policy")
    content = read(open_bag(taken), perception, only="teleop")
    (span,) = content.demonstrations
    touch = "teleop from 0.00 to 0.05 s: shorter than 0.5 s"
    assert content.left_out == (touch,)
    stamps = span.command_stamps_ros_ns - START_NS
    assert (stamps[0], stamps[-1]) == (400_000_000, 944_000_000)
    assert all(0.4e9 <= o.stamp_ros_ns - START_NS <= 0.944e9 for o in span.observations)
    assert (span.meta["control"], span.meta["source"]) == ("teleop", f"taken@{START_NS}#50")
    for _ in range(2):
        report = convert(bags, tmp_path / "data", perception, progress=False, only="teleop")
        assert "alone: 'teleop' was never in control for 0.5 s; policy was" in report.skipped[0]
        assert report.left_out == [f"{taken}: {touch}"]  # said again, too
    assert (report.converted, report.present) == (0, 1)  # nothing twice
    (episode,) = Dataset(tmp_path / "data").episodes
    assert episode.meta["control"] == "teleop"
    whole = convert(bags, tmp_path / "data", perception, progress=False)
    assert whole.skipped == [
        f"{taken}: the data set holds it already, spans of teleop (--only teleop); convert it to another folder, else "
        "what both have in common would be learned twice"
    ]
    assert (whole.converted, whole.present) == (1, 0)  # the other bag, whole


def test_spans_are_the_runs_of_one_source():
    assert spans(list("aaaaaabbba"), "a") == [(0, 6), (9, 10)]
    assert spans(list("baaaaaaaaa"), "a") == [(1, 10)]
    assert spans(list("bbb"), "a") == []


def test_a_span_that_is_no_episode_is_one_line_and_the_others_come(tmp_path, perception):
    content = []
    for topic, t_ns, message in good_messages(3.0):
        if topic == COMMAND:
            source = "teleop" if t_ns < 600_000_000 or 1_400_000_000 < t_ns < 2_100_000_000 else "policy"
            message = dataclasses.replace(
                message, header=dataclasses.replace(message.header, frame_id=source)
            )
        elif "/wrist/" in topic and t_ns < 560_000_000:
            continue  # the camera comes late: nothing was seen of the first span but its end
        content.append((topic, t_ns, message))
    path = stored_as(tmp_path / "bags" / "taken", content)
    found = read(open_bag(path), perception, only="teleop")
    assert [d.meta["source"].partition("#")[2] for d in found.demonstrations] == ["176"]
    (line,) = found.left_out
    assert line.startswith("teleop from 0.00 to 0.59 s: ") and "while commands changed" in line
    for _ in range(2):
        report = convert(tmp_path / "bags", tmp_path / "data", perception, progress=False, only="teleop")
        assert report.left_out == [f"{path}: {line}"]


def test_standing_still_before_the_motion_is_cut(bag, perception):
    stamps = [o.stamp_ros_ns - START_NS for o in read_bag(bag, perception).observations]
    assert min(stamps) * 1e-9 == pytest.approx(STILL_S - 0.1, abs=0.04)
    assert np.diff(stamps).tolist() == [32_000_000] * (len(stamps) - 1)


def test_observations_are_those_of_the_perception_node_bit_for_bit(bag, perception):
    """The same messages by another way: all of them pushed in order into a pipeline of one's own."""
    pipeline, parts, seen = ObservationPipeline(perception), {}, []
    with AnyReader([bag]) as reader:
        for connection, _, raw in reader.messages():
            message, topic = reader.deserialize(raw, connection.msgtype), connection.topic
            if topic == "/franka/joint_states":
                seen.append(pipeline.push_joints(joints_from_msg(message, JOINTS)))
            elif topic == "/franka_gripper/joint_states":
                seen.append(pipeline.push_gripper(gripper_from_msg(message, FINGERS)))
            elif topic != "/f2o/joint_command":
                view = topic.split("/")[1]
                parts.setdefault(view, []).append(message)
                if len(parts[view]) == 3:
                    seen.append(pipeline.push_frame(frame_from_msgs(view, *parts.pop(view))))
    expected = {o.stamp_ros_ns: o for o in seen if o is not None}
    got = read_bag(bag, perception).observations
    assert len(got) > 10
    for o in got:
        other = expected[o.stamp_ros_ns]
        assert np.array_equal(o.points, other.points)
        assert np.array_equal(o.rgb, other.rgb)
        assert np.array_equal(o.joint_positions, other.joint_positions)


def test_motion_is_from_the_first_change_to_the_last():
    commands = np.zeros((6, 8))
    commands[3:, 2] = 0.1
    assert motion(np.arange(6) * 10, commands) == (20, 30)
    assert motion(np.arange(6) * 10, np.zeros((6, 8))) == (0, 50)


def test_bad_bags_are_skipped_and_named(tmp_path, perception):
    bags = tmp_path / "bags"
    write_bag(bags / "a_good", success="true")
    write_bag(bags / "b_failure", success="false")
    write_bag(bags / "c_blind", leave_out=("/front/color/image_raw",))
    write_bag(bags / "d_teleop", leave_out=("/f2o/joint_command",))
    write_bag(bags / "e_cut")
    database = next((bags / "e_cut").glob("*.db3"))
    database.write_bytes(database.read_bytes()[:1000])
    (bags / "f_odd").mkdir()
    (bags / "f_odd" / "metadata.yaml").write_text("- nothing")
    report = convert(bags, tmp_path / "data", perception, progress=False)
    assert (report.converted, report.present, len(report.skipped)) == (1, 0, 5)
    patterns = [
        r"b_failure: is labelled a failure",
        r"c_blind: no message on /front/color/image_raw",
        r"d_teleop: no message on /f2o/joint_command",
        r"e_cut\.db3: cannot be read \(",
        r"f_odd: no readable metadata\.yaml \(",
    ]
    for sentence, pattern in zip(report.skipped, patterns, strict=True):
        assert re.search(pattern, sentence), sentence
    assert len(Dataset(tmp_path / "data", verify=True).episodes) == 1


def test_converting_again_adds_only_what_is_new(bag, tmp_path, perception):
    out = tmp_path / "data"
    assert convert(bag.parent, out, perception, progress=False).converted == 1
    before = Dataset(out).sha256
    again = convert(bag.parent, out, perception, progress=False)
    assert (again.converted, again.present) == (0, 1)
    assert Dataset(out).sha256 == before


def test_a_bag_that_nobody_judged_is_taken_only_when_asked_for(tmp_path, perception):
    path = write_bag(tmp_path / "bags" / "a", success="unknown")
    with pytest.raises(
        EpisodeError, match=r"a: nobody judged it: no label success, true or false \(--unlabelled"
    ):
        convert(path, tmp_path / "data", perception, progress=False)
    assert convert(path, tmp_path / "data", perception, progress=False, unlabelled=True).converted == 1


def test_a_folder_without_bags_is_named(tmp_path, perception):
    with pytest.raises(BagError, match=rf"^{tmp_path}: no recorded episode here$"):
        convert(tmp_path, tmp_path / "out", perception, progress=False)
    write_bag(tmp_path / "failure", success="false")
    with pytest.raises(
        EpisodeError, match=r"none of 1 bags could be converted, the first because: .* labelled a failure"
    ):
        convert(tmp_path, tmp_path / "out", perception, progress=False)


def stored_as(path, content, storage=StoragePlugin.MCAP, compression=None, success="true"):
    """(topic, time, message) as rosbag2 may lay them out."""
    writer = Writer(path, version=9, storage_plugin=storage)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        writer.set_custom_data("success", success)
        connections = {}
        for topic, t_ns, message in content:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, message.__msgtype__, typestore=STORE)
            data = (
                message if isinstance(message, bytes) else STORE.serialize_cdr(message, message.__msgtype__)
            )
            writer.write(connections[topic], START_NS + t_ns, data)
    return path


def good_messages(seconds):
    """An episode that `f2o bag check` calls good: frames at 31 Hz, and a gripper that closes."""
    rng = np.random.default_rng(0)
    for tick in range(int(seconds * 125)):
        t_ns, t_s = tick * 8_000_000, tick * 0.008
        width = 0.08 if t_s < 1.0 else 0.02
        values = [angle(min(t_s, 2.0)), *[0.0] * 6]
        yield "/franka/joint_states", t_ns, joint_state(t_ns, JOINTS, values)
        yield "/f2o/joint_command", t_ns, joint_state(t_ns, (*JOINTS, "gripper_width"), [*values, width])
        if tick % 8 == 0:
            yield "/franka_gripper/joint_states", t_ns, joint_state(t_ns, FINGERS, [width / 2] * 2)
        if tick % 4 == 0:
            for view in VIEWS:
                colour = rng.integers(0, 255, (30, 40, 3)).astype(np.uint8)
                yield f"/{view}/color/image_raw", t_ns, image(t_ns, colour, "rgb8")
                depth = rng.integers(790, 810, (30, 40)).astype(np.uint16)
                yield f"/{view}/aligned_depth_to_color/image_raw", t_ns, image(t_ns, depth, "16UC1")
                yield f"/{view}/color/camera_info", t_ns, camera_info(t_ns)


def cut(bag):
    file = next(bag.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


CHANGES = {
    "as written": lambda bag: None,
    "without metadata": lambda bag: (bag / "metadata.yaml").unlink(),
    "never kept": lambda bag: bag.rename(bag.with_name(bag.name + ".partial")),
    "cut off": cut,
}


STORAGES = [
    (StoragePlugin.MCAP, None),
    (StoragePlugin.MCAP, CompressionMode.MESSAGE),
    (StoragePlugin.MCAP, CompressionMode.FILE),
    (StoragePlugin.SQLITE3, None),
]
WAYS = [(change, *storage) for storage in STORAGES for change in CHANGES if change != "cut off"]


@pytest.mark.parametrize(("change", "storage", "compression"), [*WAYS, ("cut off", *STORAGES[0])])
def test_what_check_calls_good_is_converted_and_nothing_else_is(
    tmp_path, perception, change, storage, compression
):
    stored_as(tmp_path / "bags" / "whole", good_messages(2.0))
    CHANGES[change](stored_as(tmp_path / "bags" / "episode", good_messages(2.5), storage, compression))
    verdicts = {
        path.name: check(path, rules=[perception_problems]) for path in find_bags([tmp_path / "bags"])
    }
    report = convert(tmp_path / "bags", tmp_path / "data", perception, progress=False)
    converted = {e.meta["source"].partition("@")[0] for e in Dataset(tmp_path / "data").episodes}
    assert converted == {name for name, verdict in verdicts.items() if verdict.good}
    bad = [verdict for verdict in verdicts.values() if not verdict.good]
    assert report.skipped == [f"{verdict.path}: {verdict.problems[0]}" for verdict in bad]
    assert len(bad) == (change in ("never kept", "cut off"))


SWITCHES = ("use_statistics", "repeat_channels", "repeat_schemas", "use_summary_offsets")
COMPRESSIONS = [(False, CompressionType.NONE), *((True, kind) for kind in CompressionType)]
INDEXES = (IndexType.ALL, IndexType.NONE, IndexType.CHUNK, IndexType.MESSAGE)


def test_what_a_file_of_any_writer_leaves_out_changes_no_data_set(tmp_path, perception):
    """A sample of Foxglove's options in which each meets each other one; f2o_bags reads all of them."""
    rng = np.random.default_rng(0)
    content = [
        (topic, message.__msgtype__, START_NS + t_ns, STORE.serialize_cdr(message, message.__msgtype__))
        for topic, t_ns, message in good_messages(2.5)
    ]
    content.append((LABELS_TOPIC, "std_msgs/msg/String", content[-1][2], to_cdr({"success": "true"})))
    for number in range(24):
        chunks, compression = COMPRESSIONS[number % len(COMPRESSIONS)]
        options = dict(zip(SWITCHES, rng.integers(0, 2, len(SWITCHES)).astype(bool).tolist(), strict=True))
        options |= {"index_types": INDEXES[(number // len(COMPRESSIONS) + number) % len(INDEXES)]}
        with (tmp_path / f"{number:02}.mcap").open("wb") as stream:
            writer = McapWriter(stream, 5000, compression, use_chunking=chunks, **options)
            writer.start("ros2", "other")
            channels = {}
            for topic, kind, log, data in content:
                if topic not in channels:
                    text = STORE.generate_msgdef(kind)[0].encode()
                    schema = writer.register_schema(kind, "ros2msg", text)
                    channels[topic] = writer.register_channel(topic, "cdr", schema)
                writer.add_message(channels[topic], log, data, log)
            writer.finish()
        assert check(tmp_path / f"{number:02}.mcap", rules=[perception_problems]).good, options
    report = convert(tmp_path, tmp_path / "data", perception, progress=False)
    assert (report.converted, report.skipped) == (24, [])
    data = Dataset(tmp_path / "data")
    first, *others = (
        {name: data[name][slice(*span)] for name, span in rows_of(episode)} for episode in data.episodes
    )
    for other in others:
        for name, rows in first.items():
            np.testing.assert_array_equal(other[name], rows)


def rows_of(episode):
    """Each array's name, and the rows of the episode in it."""
    return [
        *((name, episode.observations) for name in ("rgb", "depth_mm", "points", "joints", "stamps", "view_stamps")),
        *((name, episode.commands) for name in ("commands", "command_stamps")),
    ]  # fmt: skip


def without(topic, begin_s, end_s=99.0):
    return [m for m in good_messages(3.0) if not (m[0] == topic and begin_s * 1e9 <= m[1] < end_s * 1e9)]


def glitch(content):
    """One camera's clock is wrong for 0.3 s."""
    for topic, t_ns, message in content:
        if topic.startswith("/front/") and 1.6e9 < t_ns < 1.9e9:
            message = dataclasses.replace(message, header=camera_info(t_ns - 1_000_000_000).header)
        yield topic, t_ns, message


def still(content):
    """Nothing moves."""
    for topic, t_ns, message in content:
        position = [0.0] * 7 + [0.08] * (topic == COMMAND)
        moved = topic in (ARM, COMMAND)
        yield topic, t_ns, dataclasses.replace(message, position=np.array(position)) if moved else message


CASES = {  # messages, label, the word of check
    "good": (lambda: good_messages(3.0), "true", "ok"),
    "a camera's clock glitches": (lambda: glitch(good_messages(3.0)), "true", "poor"),
    "a camera pauses": (lambda: without(COLOUR, 1.6, 1.9), "true", "poor"),
    "the arm never moves": (lambda: still(good_messages(3.0)), "true", "poor"),
    "the gripper is silent in the end": (lambda: without(GRIPPER, 2.6), "true", "poor"),
    "the first camera ends early": (lambda: without(COLOUR, 1.5), "true", "poor"),
    "another camera ends early": (lambda: without(DEPTH, 1.5), "true", "BAD"),
    "every other frame lacks its depth": (
        lambda: [m for k, m in enumerate(good_messages(3.0)) if "/wrist/aligned" not in m[0] or m[1] % 64_000_000],
        "true",
        "BAD",
    ),
    "no commands": (lambda: without(COMMAND, 0.0), "true", "BAD"),
    "the clock is set back": (lambda: set_back(good_messages(3.0)), "true", "BAD"),
    "a failure": (lambda: good_messages(3.0), "false", "BAD"),
    "nobody judged it": (lambda: good_messages(3.0), "unknown", "BAD"),
}  # fmt: skip


@pytest.mark.parametrize("explicit", [False, True])
def test_the_word_of_check_says_what_convert_takes(tmp_path, perception, explicit):
    file = tmp_path / "perception.yaml"
    config = {"views": list(VIEWS), "calibration": perception.calibration, "points": 64, "image_size": 32}
    file.write_text(yaml.safe_dump(config))
    for name, (content, success, _) in CASES.items():
        stored_as(tmp_path / "bags" / name, content(), success=success)
    rule = partial(perception_problems, perception=file if explicit else None)
    verdicts = {path.name: check(path, rules=[rule]) for path in find_bags([tmp_path / "bags"])}
    assert {name: verdict.word for name, verdict in verdicts.items()} == {
        name: word for name, (_, _, word) in CASES.items()
    }
    for strict, words in ((False, ("ok", "poor")), (True, ("ok",))):
        data = tmp_path / f"data_{strict}"
        report = convert(tmp_path / "bags", data, perception, progress=False, strict=strict)
        taken = {e.meta["source"].partition("@")[0] for e in Dataset(data).episodes}
        assert taken == {name for name, verdict in verdicts.items() if verdict.word in words}
        others = [verdict for verdict in verdicts.values() if verdict.word not in words]
        for verdict, line in zip(others, report.skipped, strict=True):
            assert line.startswith(f"{verdict.path}: ")
            assert strict or line == f"{verdict.path}: {verdict.problems[0]}"


ARM, GRIPPER, COMMAND = "/franka/joint_states", "/franka_gripper/joint_states", "/f2o/joint_command"
COLOUR, DEPTH, INFO = (
    "/wrist/color/image_raw", "/front/aligned_depth_to_color/image_raw", "/front/color/camera_info"
)  # fmt: skip
CUT = b"\0\1\0\0\7"  # the bytes of no message


def changed(**fields):
    return lambda message: dataclasses.replace(message, **fields)


NO_PIXELS = changed(data=np.zeros(0, np.uint8), height=0, width=0, step=0)
SPOILS = {  # topic, how: every fault that drivers were seen to make, each once in the episode
    "empty image": (COLOUR, NO_PIXELS),
    "unknown encoding": (COLOUR, changed(encoding="yuv422_yuy2")),
    "rows too short": (COLOUR, changed(step=7)),
    "cut image": (COLOUR, lambda message: CUT),
    "depth that was not aligned": (
        DEPTH,
        changed(height=20, width=20, step=40, data=np.zeros(800, np.uint8)),
    ),
    "depth in another unit": (DEPTH, changed(encoding="32SC1")),
    "no lens": (INFO, changed(k=np.zeros(9))),
    "NaN joints": (ARM, changed(position=np.full(7, np.nan))),
    "names alone": (ARM, changed(position=np.zeros(0))),
    "no names": (ARM, changed(name=[], position=np.zeros(0))),
    "infinite velocities": (ARM, changed(velocity=np.full(7, np.inf))),
    "cut joints": (ARM, lambda message: CUT),
    "NaN width": (GRIPPER, changed(position=np.full(2, np.nan))),
    "NaN command": (COMMAND, changed(position=np.full(8, np.nan))),
    "cut command": (COMMAND, lambda message: CUT),
}


def spoiled(content, kinds=tuple(SPOILS)):
    """The episode with a bad message of each kind, (topic, time, message), and when the bad ones came, by topic."""
    content, bad = list(content), {}
    rows = {
        topic: [k for k, (t, _, _) in enumerate(content) if t == topic]
        for topic in {t for t, _, _ in content}
    }
    for number, kind in enumerate(kinds):
        topic, spoil = SPOILS[kind]
        row = rows[topic][(number + 1) * len(rows[topic]) // (len(SPOILS) + 1)]
        content[row] = (topic, content[row][1], spoil(content[row][2]))
        bad.setdefault(topic, []).append(content[row][1])
    return content, bad


def test_bad_messages_are_dropped_and_counted_and_the_rest_is_as_without_them(tmp_path, perception):
    content, bad = spoiled(good_messages(3.0))
    good = read(open_bag(stored_as(tmp_path / "good", good_messages(3.0))), perception)
    path = stored_as(tmp_path / "spoiled", content)
    assert check(path, rules=[perception_problems]).good
    found = read(open_bag(path), perception)
    assert good.dropped == {}
    assert found.dropped == {
        "wrist": 3, "front": 3, "joints": 4, "gripper": 1, COLOUR: 1, ARM: 1, COMMAND: 2
    }  # fmt: skip
    assert found.why["wrist"].startswith("40x30 rgb8 image: expected rows of 120 bytes")
    assert found.why[COMMAND] == "not the bytes of a sensor_msgs/msg/JointState"
    lost = {START_NS + t for topic in (COLOUR, DEPTH, INFO) for t in bad[topic]}
    (whole,), (left,) = good.demonstrations, found.demonstrations
    assert {o.stamp_ros_ns for o in left.observations} == {o.stamp_ros_ns for o in whole.observations} - lost
    sent = set(whole.command_stamps_ros_ns) - {START_NS + t for t in bad[COMMAND]}
    assert set(left.command_stamps_ros_ns) == sent
    by_stamp = {o.stamp_ros_ns: o for o in whole.observations}
    for o in left.observations:
        other = by_stamp[o.stamp_ros_ns]
        assert np.array_equal(o.points, other.points) and np.array_equal(o.rgb, other.rgb)
        assert np.array_equal(o.depth_mm, other.depth_mm)
        np.testing.assert_allclose(
            o.joint_positions, other.joint_positions, atol=1e-2
        )  # interpolated over it


@pytest.mark.parametrize("topic", [COLOUR, ARM, COMMAND])
def test_a_topic_of_another_type_is_said(tmp_path, perception, topic):
    text = TYPES["std_msgs/msg/String"]("what?")
    content = [(t, at, text if t == topic else m) for t, at, m in good_messages(1.0)]
    with pytest.raises(EpisodeError, match=rf"bag: {topic} is std_msgs/msg/String, expected "):
        read(open_bag(stored_as(tmp_path / "bag", content)), perception)


@pytest.mark.parametrize("way", ["in each message", "in turns"])
def test_one_topic_may_carry_arm_and_fingers(tmp_path, perception, way):
    topics = dataclasses.replace(
        perception.topics, joint_states="/joint_states", gripper_joint_states="/joint_states"
    )
    perception = dataclasses.replace(perception, topics=topics)
    replay = BagReplay(perception)
    for topic, t_ns, message in good_messages(2.0):
        if way == "in each message" and topic == "/franka/joint_states":
            names, positions = [*message.name, *FINGERS], [*message.position, 0.04, 0.04]
            message = joint_state(t_ns, names, positions)
        elif way == "in each message" and topic == "/franka_gripper/joint_states":
            continue
        replay.push("/joint_states" if topic.endswith("joint_states") else topic, message)
    assert len(replay.observations) > 50
    assert replay.dropped == {}


def set_back(content):
    """A clock that is set back by a second in the middle."""
    for topic, t_ns, message in content:
        moved = dataclasses.replace(message, header=camera_info(t_ns - 1_000_000_000).header)
        yield topic, t_ns, moved if t_ns > 1_200_000_000 else message


def test_a_clock_that_is_set_back_costs_its_own_episode(tmp_path, perception):
    for name, content in zip(
        "abc", (good_messages(2.0), set_back(good_messages(2.0)), good_messages(2.0)), strict=True
    ):
        stored_as(tmp_path / "bags" / name, content)
    for converted in (2, 0):
        report = convert(tmp_path / "bags", tmp_path / "data", perception, progress=False)
        assert (report.converted, report.present) == (converted, 2 - converted)
        assert report.skipped == [
            f"{tmp_path}/bags/b: the clock was set back: stamps of observations do not increase"
        ]


def joints_behind(content, by_ns):
    for topic, t_ns, message in content:
        moved = (
            dataclasses.replace(message, header=camera_info(t_ns - by_ns).header) if topic == ARM else message
        )
        yield topic, t_ns, moved


@pytest.mark.parametrize("explicit", [False, True])
def test_check_finds_by_the_nodes_own_rules_what_cannot_be_joined(tmp_path, perception, explicit):
    path = stored_as(tmp_path / "behind", joints_behind(good_messages(2.0), 150_000_000))
    file = None
    if explicit:
        file = tmp_path / "perception.yaml"
        config = {"views": list(VIEWS), "calibration": perception.calibration, "points": 64, "image_size": 32}
        file.write_text(yaml.safe_dump(config))
    assert check(path).good
    (problem,) = check(path, rules=[lambda bag: perception_problems(bag, file)]).problems
    assert problem.startswith("0 observations of 63 frames of wrist (")
    assert "joints are 150 ms behind the cameras; 110 ms is the most" in problem
    with pytest.raises(EpisodeError, match="joints are 150 ms behind the cameras"):
        read(open_bag(path), perception)


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_recorder_whose_clock_is_set_back_is_seen_by_check_and_refused(tmp_path, perception, storage):
    content = [
        (topic, t_ns - (t_ns > 1_200_000_000) * 500_000_000, message if t_ns <= 1_200_000_000 else
         dataclasses.replace(message, header=camera_info(t_ns - 500_000_000).header))
        for topic, t_ns, message in good_messages(2.0)
    ]  # fmt: skip
    path = stored_as(tmp_path / "back", content, storage)
    sentence = "the recorder's clock was set back by 0.49 s during the recording"
    assert sentence in check(path).problems
    with pytest.raises(EpisodeError, match=f"back: {sentence}$"):
        read(open_bag(path), perception)


def test_whatever_a_bag_raises_is_its_own_sentence(tmp_path, perception, monkeypatch):
    for name in "abc":
        stored_as(tmp_path / "bags" / name, good_messages(1.0))
    opened = open_bag

    def fail(path):
        return opened(path) if path.name != "b" else 1 / 0

    monkeypatch.setattr("f2o_policy.data.bags.open_bag", fail)
    report = convert(tmp_path / "bags", tmp_path / "data", perception, progress=False)
    assert report.converted == 2
    assert report.skipped == [f"{tmp_path}/bags/b: ZeroDivisionError: division by zero"]
