"""The instruments themselves."""

import json
import sys
from array import array
from pathlib import Path

import numpy as np
import pytest
from f2o_bags.labels import LABELS_TOPIC
from f2o_bags.stamps import stamp_of, with_stamp
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_teleop.errors import TeleopError
from f2o_teleop.spacemouse import ReportDecoder
from rosbags.rosbag2 import Reader

sys.path.append(str(Path(__file__).parents[2] / "f2o_bags" / "test"))
import episodes as e

from benchmarks.recording import hid_reports, messages
from benchmarks.recording.beside import compare
from benchmarks.recording.conversion import decoded
from benchmarks.recording.crash import Kill, examine, summary
from benchmarks.recording.figure import draw_crash, draw_latency
from benchmarks.recording.learn import losses
from benchmarks.recording.learn import run as learn
from benchmarks.recording.ledger import Ledger
from benchmarks.recording.round_trip import differences
from benchmarks.recording.session import examine as examine_bag
from benchmarks.recording.session import total


def test_a_kill_costs_what_was_sent_after_the_last_thing_kept(tmp_path):
    content = [m for m in e.messages() if m[0] == e.ARM][:100]
    sent = {e.ARM: array("q", [stamp_of(data) for _, data, _ in content])}
    partial = e.write(
        tmp_path, content=[m for k, m in enumerate(content) if k < 80 and k != 40], finish=False
    )
    killed = sent[e.ARM][99] + 1
    received = {e.ARM: sent[e.ARM][:70]}
    kill = examine(partial, sent, received, killed, 0.5)
    # flushed every 20 messages: 79 were written, the file holds the first 60 and the rest of a buffer at best
    assert kill.readable and kill.recovered and kill.missing == 1
    assert kill.messages in (60, 79)
    assert kill.lost_ms == pytest.approx((killed - sent[e.ARM][kill.messages + 1]) / 1e6)
    lost = 0.0 if kill.messages > 70 else (killed - sent[e.ARM][kill.messages + 1]) / 1e6
    assert kill.lost_received_ms == pytest.approx(lost)
    assert [p.name for p in tmp_path.iterdir()] == [
        "episode_0000.partial"
    ]  # the recovered copy is gone again


def test_the_summary_counts(tmp_path):
    kills = [Kill(1.0, True, 9, lost, lost / 2, 0, True, k) for k, lost in enumerate((1.0, 2.0, 40.0))]
    report = summary(kills)
    assert (report["kills"], report["readable"]) == (3, 3)
    assert (report["lost_ms"]["p50"], report["lost_ms"]["over_33"]) == (2.0, 1)
    assert (report["lost_received_ms"]["p50"], report["lost_received_ms"]["over_33"]) == (1.0, 0)
    draw_crash({**report, "load": "none"}, tmp_path / "crash.png")
    draw_latency({"each_ms": [1.0, 2.0], "latency_ms": {"p50": 1.5, "p99": 2.0}}, tmp_path / "latency.png")
    assert (tmp_path / "crash.png").stat().st_size > 5000 < (tmp_path / "latency.png").stat().st_size


def test_the_ledger_says_what_was_received(tmp_path):
    ledger = Ledger(tmp_path / "ledger", create=True)
    other = Ledger(ledger.path)  # the recorder's
    for topic, stamp in ((1, 10), (0, 11), (1, 12)):
        other.add(topic, stamp)
    assert {topic: stamps.tolist() for topic, stamps in ledger.stamps(["a", "b"]).items()} == {
        "a": [11],
        "b": [10, 12],
    }


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_a_session_of_reports_pushes_there_and_back_and_presses_each_button_twice(seed):
    decoder, pushed, presses, before = ReportDecoder(), np.zeros(6), [0, 0], (False, False)
    reports = hid_reports.demonstration(seed)
    times = [seconds for seconds, _ in reports]
    assert times == sorted(times)
    for _, content in reports:
        assert decoder.feed(content)
        reading = decoder.reading()
        pushed += reading.axes
        now = (*reading.buttons, False, False)[:2]
        presses = [count + (down and not was) for count, down, was in zip(presses, now, before, strict=True)]
        before = now
    assert presses == [2, 2]
    np.testing.assert_allclose(pushed, 0.0, atol=1.0)  # as much to as fro
    assert not decoder.reading().axes.any()


def test_the_load_is_made_of_real_messages():
    decoded = e.STORE.deserialize_cdr(with_stamp(messages.image(64, 48, depth=True), 5 * e.S), e.IMAGE)
    assert (decoded.encoding, decoded.step, len(decoded.data)) == ("16UC1", 128, 64 * 48 * 2)
    info = e.STORE.deserialize_cdr(messages.camera_info(64, 48), "sensor_msgs/msg/CameraInfo")
    assert info.k[2] == 32
    state = e.STORE.deserialize_cdr(messages.joint_state(["a"], [1.0]), e.JOINTS)
    assert (state.name, state.position.tolist()) == (["a"], [1.0])


def test_a_bag_is_read_three_ways(tmp_path):
    one = examine_bag(e.write(tmp_path, drops="0", lost="3"))
    assert (one["agree"], one["metadata_version"], one["lost"], one["problems"]) == (True, 9, 3, [])
    assert one["camera_hz"] == pytest.approx(30, abs=0.5)
    whole = total([one, {**one, "agree": False, "problems": ["x"]}])
    assert (whole["episodes"], whole["readable_alike"], whole["good"], whole["lost"]) == (2, 1, 1, 6)


def test_ticks_count_for_the_phase_they_began_in():
    ticks = 4000
    late = np.zeros(ticks, np.int64)
    columns = {
        "armed": np.ones(ticks, bool),
        "ok": np.ones(ticks, bool),
        "now_ros_ns": np.arange(ticks) * 8_000_000,
        "done_ns": np.full(ticks, 2_000_000),
        "late_ns": late,
        "skipped": late,
    }
    columns["done_ns"][2000:3000] = 3_000_000  # while the recorder records
    columns["done_ns"][1000] = 99_000_000  # between two phases
    columns["armed"][100], columns["done_ns"][100] = False, 99_000_000
    s = 8_000_000
    told = compare(columns, [(False, 0, 1000 * s), (True, 2000 * s, 3000 * s), (False, 3000 * s, 4000 * s)])
    assert (told["without"]["ticks"], told["with"]["ticks"]) == (1999, 1000)
    assert told["without"]["handed_over_ms"]["p100"] == 2.0
    assert (told["p99.9_added_ms"], told["p99.9_ratio"]) == (1.0, 1.5)


def test_a_training_is_told_by_its_first_and_last_losses(tmp_path):
    rows = [{"step": k, "loss": 10.0 - k} for k in range(10)]
    rows[4] |= {"validation_loss": 5.0}
    rows[9] |= {"validation_loss": 2.0}
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert losses(tmp_path) == {"loss_begin": 9.5, "loss_end": 1.5, "validation_loss_end": 2.0}


def test_a_command_that_fails_is_named_with_its_last_words(tmp_path):
    with pytest.raises(TeleopError, match=r"f2o convert ended with status 2: .*no recorded episode here"):
        learn(tmp_path, tmp_path / "out", 1)


def test_every_byte_of_the_messages_is_decoded(tmp_path):
    bag = e.write(tmp_path)
    with Reader(bag) as reader:  # the labels are messages, too
        stored = [(c.topic, len(raw)) for c, _, raw in reader.messages()]
    others = sum(size for topic, size in stored if topic != LABELS_TOPIC)
    assert others == sum(len(data) for _, data, _ in e.messages())
    assert decoded([bag])["mb"] == sum(size for _, size in stored) / 1e6


def a_data_set(path, change=lambda rows: rows):
    """Two episodes of one view; ``change`` is applied to the arrays of the second."""
    with DatasetWriter(path) as writer:
        for episode in range(2):
            rng, n, t = np.random.default_rng(episode), 5, 40
            stamps = np.arange(n) * 32_000_000
            rows = {
                "rgb": rng.integers(0, 255, (n, 1, 8, 8, 3), dtype=np.uint8),
                "depth_mm": rng.integers(0, 2000, (n, 1, 8, 8), dtype=np.uint16),
                "points": rng.normal(size=(n, 16, 3)).astype(np.float16),
                "stamps": stamps,
                "view_stamps": stamps[:, None],
                "joints": rng.normal(size=(n, 8)),
                "command_stamps": np.arange(t) * 8_000_000,
                "commands": rng.normal(size=(t, 8)),
            }
            names = [f"panda_joint{k}" for k in range(1, 8)]
            writer.add_rows(change(rows) if episode else rows, ["front"], names, {"source": str(episode)})
    return Dataset(path)


def spoiled(name, by):
    def change(rows):
        spoilt = rows[name].copy()
        spoilt.reshape(-1)[7] += by
        return rows | {name: spoilt}

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows, []),
        (spoiled("rgb", 1), ["rgb"]),
        (spoiled("depth_mm", 1), ["depth_mm"]),
        (spoiled("joints", 1e-9), ["joints"]),
        (spoiled("commands", 1e-7), []),  # LeRobot's actions are float32
        (spoiled("commands", 1e-3), ["commands of episode 1, by 0.001"]),
    ],
)
def test_what_comes_back_otherwise_is_named(tmp_path, change, told):
    assert differences(a_data_set(tmp_path / "a"), a_data_set(tmp_path / "b", change)) == told
