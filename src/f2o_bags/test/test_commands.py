"""The command line as a user meets it."""

import argparse
import json
import subprocess
import sys

import episodes as e
import pytest
from f2o_nodekit.errors import F2oError

from f2o_bags import commands, report


def f2o(*words):
    root = argparse.ArgumentParser(prog="f2o")
    commands.add(root.add_subparsers(dest="command"))
    arguments = root.parse_args(["bag", *map(str, words)])
    return arguments.run(arguments)


@pytest.fixture(autouse=True)
def without_other_packages(monkeypatch):
    """Their rules and verbs are theirs to test."""
    monkeypatch.setattr(commands, "entry_points", lambda group: ())


def test_check_prints_a_line_per_episode_and_its_status_says_whether_all_are_good(tmp_path, capsys):
    e.write(tmp_path, "episode_0000")
    assert f2o("check", tmp_path) == 0
    e.write(tmp_path, "episode_0001", e.messages(idle_s=2.0))
    assert f2o("check", tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"ok   {tmp_path}/episode_0000  3.99 s, 1")
    assert lines[2].startswith(f"poor {tmp_path}/episode_0001")
    assert lines[2].endswith(": idle for 2.0 s before the first motion (f2o bag trim --idle)")
    assert f2o("check", tmp_path, "--idle", "3") == 0
    capsys.readouterr()
    f2o("check", tmp_path, "--json")
    verdicts = json.loads(capsys.readouterr().out)
    assert [v["good"] for v in verdicts] == [True, False]
    assert [v["usable"] for v in verdicts] == [True, True]
    assert verdicts[1]["problems"][0].startswith("idle for 2.0 s")


def test_info_lists_the_topics_of_one_bag_and_a_line_per_bag_of_a_folder(tmp_path, capsys):
    bag = e.write(tmp_path)
    e.write(tmp_path, "episode_0001", finish=False)
    assert f2o("info", bag) == 0
    out = capsys.readouterr().out
    assert "complete  3.99 s" in out and "  /franka/joint_states" in out and "  task: toy" in out
    assert "sensor_msgs/msg/JointState  (a command)\n" in out  # /f2o/joint_command
    assert f2o("info", tmp_path) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and "episode_0001.partial  TRUNCATED" in out[1]
    f2o("info", bag, "--json")
    (about,) = json.loads(capsys.readouterr().out)
    assert {t["topic"]: t["count"] for t in about["topics"]}[e.ARM] == 500


def test_recover_trim_and_merge_say_what_they_wrote(tmp_path, capsys):
    e.write(tmp_path, "episode_0000", finish=False)
    e.write(tmp_path, "episode_0001", finish=False)
    assert f2o("recover", tmp_path) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path}/episode_0000: 3.9" in out and "episode_0000.partial is left as it was" in out
    assert f2o("recover", tmp_path) == 1  # both names are taken now
    assert capsys.readouterr().err.count("exists already") == 2
    assert f2o("trim", tmp_path / "episode_0000", tmp_path / "a", "--idle") == 0
    assert f2o("merge", tmp_path / "a", tmp_path / "episode_0001", "--out", tmp_path / "b") == 0
    assert "b: " in capsys.readouterr().out
    words = (tmp_path / "a", tmp_path / "episode_0000.partial", "--out", tmp_path / "c")
    assert f2o("merge", *words) == 1  # the other one is there
    said = capsys.readouterr()
    assert "f2o bag merge: left out: " in said.err and f"{tmp_path}/c: " in said.out


def test_info_goes_on_after_a_bag_that_raises_whatever(tmp_path, capsys, monkeypatch):
    e.write(tmp_path, "episode_0000")
    e.write(tmp_path, "episode_0001")
    describe = report.info
    monkeypatch.setattr(report, "info", lambda path: 1 / 0 if path.name.endswith("0") else describe(path))
    assert f2o("info", tmp_path) == 1
    said = capsys.readouterr()
    assert "episode_0001  complete" in said.out
    assert "f2o bag info: " in said.err and "episode_0000: ZeroDivisionError" in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("info", "nowhere"), "nowhere: no recorded episode here"),
        (("recover", "full", "--out", "x"), "expected one bag to recover, got 2"),
        (("trim", "full/episode_0000", "x"), "trim: expected --from, --to or --idle"),
        (("play", "full/episode_0000", "--topics", "/nope"), "no topic /nope; it has"),
        (("play", "full/cut.partial"), "its recording is truncated; run `f2o bag recover"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    e.write(tmp_path / "full")
    e.write(tmp_path / "full", "cut", finish=False)
    e.write(tmp_path / "full", "cut2", finish=False)
    with pytest.raises(F2oError, match=r"^[^\n]+$") as raised:
        f2o(*words)
    assert sentence in str(raised.value)


def test_numbers_are_checked_before_anything_runs(capsys):
    for words in (("--speed", "0"), ("--clock", "-1"), ("--start-offset", "-1"), ("--remap", "a")):
        with pytest.raises(SystemExit):
            f2o("play", "x", *words)
        assert "expected" in capsys.readouterr().err


def test_the_command_line_costs_nothing_to_import():
    heavy = "numpy", "mcap", "rclpy", "rosbags", "pinocchio"
    code = f"import sys, f2o_bags.commands; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
