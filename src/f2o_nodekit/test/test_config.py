from dataclasses import FrozenInstanceError, field, replace
from pathlib import Path
from typing import Annotated, Literal

import pytest
from f2o_nodekit.config import (
    STRICT,
    ConfigError,
    ConfigPath,
    build_config,
    describe,
    flatten,
    has_key,
    keys,
    load_config,
    rules,
    with_overrides,
)
from pydantic import Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=STRICT)
class Camera:
    topic: str
    rate_hz: Annotated[float, Field(gt=0)] = 30.0
    mode: Literal["colour", "depth"] = "colour"
    calibration: ConfigPath = ""


@dataclass(frozen=True, config=STRICT)
class Config:
    name: str
    box: tuple[float, float]
    cameras: dict[str, Camera]
    joints: tuple[str, ...] = ()
    port: int | None = None
    robot: Camera = field(default_factory=lambda: Camera("arm"))

    @rules
    def _ordered(self):
        low, high = self.box
        if not low < high:
            yield f"box: expected low < high, got {low} and {high}"
        if self.name in self.cameras:
            yield f"name: expected none of a camera, got {self.name!r}"


GOOD = {"name": "x", "box": [0, 1], "cameras": {"wrist": {"topic": "/w"}}, "joints": ["a", "b"]}


def sentence(tree, overrides=None):
    with pytest.raises(ConfigError) as error:
        build_config(Config, tree, "node.yaml", overrides)
    return str(error.value)


def test_a_file_becomes_a_frozen_dataclass(tmp_path):
    path = tmp_path / "node.yaml"
    path.write_text("name: x\nbox: [0, 1]\ncameras: {wrist: {topic: /w}}\njoints: [a, b]\n")
    config = load_config(Config, path, {"cameras.wrist.rate_hz": 15, "robot.topic": "elbow"})
    assert config.box == (0.0, 1.0) and isinstance(config.box[0], float)
    assert config.cameras["wrist"] == Camera("/w", 15.0)
    assert config.robot.topic == "elbow" and config.port is None
    with pytest.raises(FrozenInstanceError):
        config.name = "y"


def test_every_mistake_is_reported_at_once_with_file_and_key():
    tree = {**GOOD, "box": [1], "nme": 3, "port": "usb", "cameras": {"wrist": {"rate_hz": True}}}
    text = sentence(tree)
    assert text.startswith("node.yaml: 5 errors: ")
    for problem in (
        "box: expected a list of 2 (a number each), got [1]",
        "nme: unknown key, did you mean name? expected one of name, box, cameras, joints, port, robot",
        "cameras.wrist.topic: missing, expected a text",
        "cameras.wrist.rate_hz: expected a number above 0, got True",
        "port: expected an integer or nothing, got 'usb'",
    ):
        assert problem in text


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("name", 3, "name: expected a text, got 3"),
        ("name", None, "name: expected a text, got nothing"),
        ("box", [0, "1"], "box[1]: expected a number, got '1'"),
        ("box", [0, 1, 2], "box: expected a list of 2 (a number each), got [0, 1, 2]"),
        ("box", 1.5, "box: expected a list of 2 (a number each), got 1.5"),
        ("box", [0, float("inf")], "box[1]: expected a number, got inf"),
        ("joints", "a", "joints: expected a list (a text each), got 'a'"),
        ("joints", ["a", 1], "joints[1]: expected a text, got 1"),
        ("port", 1.5, "port: expected an integer or nothing, got 1.5"),
        ("port", 1.0, "port: expected an integer or nothing, got 1.0"),
        ("cameras", [], "cameras: expected keys and values, got []"),
        ("cameras.wrist", 3, "cameras.wrist: expected keys and values, got 3"),
        ("cameras.wrist.rate_hz", "30", "cameras.wrist.rate_hz: expected a number above 0, got '30'"),
        ("cameras.wrist.rate_hz", float("nan"), "cameras.wrist.rate_hz: expected a number above 0, got nan"),
        ("cameras.wrist.rate_hz", 0, "cameras.wrist.rate_hz: expected a number above 0, got 0"),
        (
            "cameras.wrist.mode",
            "infrared",
            "cameras.wrist.mode: expected one of colour, depth, got 'infrared'",
        ),
        ("robot.zzz", 1, "robot.zzz: unknown key, expected one of topic, rate_hz, mode, calibration"),
        ("robot", {"mode": "depth"}, "robot.topic: missing, expected a text"),
        ("name", "wrist", "name: expected none of a camera, got 'wrist'"),
    ],
)
def test_a_wrong_value_names_its_key_and_what_is_legal(key, value, problem):
    tree = GOOD | {"robot": {"topic": "arm"}}
    assert sentence(tree, {key: value}) == f"node.yaml: 1 error: {problem}"


def test_all_rules_between_keys_are_reported():
    assert sentence({**GOOD, "name": "wrist", "box": [2, 1]}) == (
        "node.yaml: 2 errors: box: expected low < high, got 2.0 and 1.0; "
        "name: expected none of a camera, got 'wrist'"
    )


def test_rules_of_nested_dataclasses_name_the_whole_key():
    @dataclass(frozen=True, config=STRICT)
    class Outer:
        inner: Config

    with pytest.raises(ConfigError, match=r"node\.yaml: 1 error: inner\.box: expected low < high"):
        build_config(Outer, {"inner": {**GOOD, "box": [2, 1]}}, "node.yaml")


def test_a_file_that_is_missing_broken_or_a_list_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.yaml: 1 error: cannot be read \(No such file or directory\)"):
        load_config(Config, tmp_path / "no.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1,\nb: }")
    with pytest.raises(ConfigError, match=r"broken\.yaml: 1 error: not YAML \(line 2\)"):
        load_config(Config, tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match=r"expected keys and values, got \[1\]"):
        load_config(Config, tmp_path / "list.yaml")
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"expected keys and values, got nothing"):
        load_config(Config, tmp_path / "empty.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.yaml: 1 error: not a text"):
        load_config(Config, tmp_path / "binary.yaml")


@pytest.mark.parametrize(("key", "above"), [("name.x", "name"), ("robot.rate_hz.x.y", "robot.rate_hz")])
def test_an_override_below_a_plain_value_is_one_sentence(key, above):
    tree = {**GOOD, "robot": {"topic": "arm", "rate_hz": 5}}
    with pytest.raises(
        ConfigError, match=rf"node\.yaml: 1 error: {key}: expected keys below {above}, it is ('x'|5)$"
    ):
        build_config(Config, tree, "node.yaml", {key: 1})


def test_overrides_leave_the_tree_as_it_was():
    tree = {"a": {"b": 1, "c": 2}}
    assert with_overrides(tree, {"a.b": 3, "d.e": 4}) == {"a": {"b": 3, "c": 2}, "d": {"e": 4}}
    assert tree == {"a": {"b": 1, "c": 2}}


def test_a_path_in_a_file_is_relative_to_the_file(tmp_path, monkeypatch):
    (tmp_path / "config").mkdir()
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "config" / "node.yaml"
    path.write_text("topic: /w\ncalibration: ../cameras.yaml\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_config(Camera, path).calibration == str(tmp_path / "cameras.yaml")
    assert load_config(Camera, Path("../config/node.yaml")).calibration == str(tmp_path / "cameras.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("/abs/cameras.yaml", "/abs/cameras.yaml"), ("~/cameras.yaml", "/home/me/cameras.yaml"), ('""', "")],
)
def test_a_path_may_be_absolute_of_the_home_or_none(tmp_path, monkeypatch, text, expected):
    monkeypatch.setenv("HOME", "/home/me")
    path = tmp_path / "node.yaml"
    path.write_text(f"topic: /w\ncalibration: {text}\n")
    assert load_config(Camera, path).calibration == expected


def test_a_path_given_as_an_override_is_relative_to_the_shell(tmp_path, monkeypatch):
    path = tmp_path / "node.yaml"
    path.write_text("name: x\nbox: [0, 1]\ncameras: {wrist: {topic: /w, calibration: a.yaml}}\n")
    (tmp_path / "shell").mkdir()
    monkeypatch.chdir(tmp_path / "shell")
    given = {"cameras.wrist.calibration": "b.yaml", "robot.topic": "b.yaml", "robot.calibration": ""}
    config = load_config(Config, path, given)
    assert config.cameras["wrist"].calibration == str(tmp_path / "shell" / "b.yaml")
    assert (config.robot.topic, config.robot.calibration) == ("b.yaml", "")


def test_what_code_builds_is_checked_too_and_its_paths_stay():
    with pytest.raises(ValueError, match="greater than 0"):
        replace(Camera("/w"), rate_hz=0.0)
    assert replace(Camera("/w", calibration="a.yaml"), rate_hz=1.0).calibration == "a.yaml"


def test_flatten_gives_dotted_leaves():
    leaves = flatten(build_config(Config, GOOD, "node.yaml"))
    assert leaves["cameras.wrist.rate_hz"] == 30.0
    assert leaves["joints"] == ("a", "b")
    assert leaves["port"] is None


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("name", "a text"),
        ("box", "a list of 2 (a number each)"),
        ("robot", "keys and values"),
        ("robot.rate_hz", "a number above 0"),
        ("cameras.any.mode", "one of colour, depth"),
        ("port", "an integer or nothing"),
    ],
)
def test_a_key_is_described_in_words(key, words):
    assert describe(Config, key) == words


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"ge": 1, "le": 9}, "an integer from 1 to 9"),
        ({"gt": 0, "lt": 1}, "an integer above 0 and below 1"),
        ({"ge": 0, "lt": 5}, "an integer of at least 0 and below 5"),
        ({"le": 3}, "an integer at most 3"),
        ({"gt": 0, "multiple_of": 8}, "an integer above 0 and a multiple of 8"),
    ],
)
def test_limits_are_described_in_words(limits, words):
    @dataclass(frozen=True, config=STRICT)
    class One:
        value: Annotated[int, Field(**limits)]

    assert describe(One, "value") == words


def test_keys_of_yaml_that_are_no_texts_become_texts(tmp_path):
    path = tmp_path / "node.yaml"
    path.write_text("topic: 2026-11-28\n2026-11-28: 3\n7: 8\n")
    with pytest.raises(ConfigError, match=r"2 errors: 2026-11-28: unknown key, .*; 7: unknown key"):
        load_config(Camera, path)
    path.write_text("topic: 2026-11-28\n")
    assert load_config(Camera, path).topic == "2026-11-28"


def test_the_keys_of_a_class_are_those_of_its_leaves():
    assert keys(Config)[:4] == ["name", "box", "cameras", "joints"]
    assert keys(Config)[5:] == ["robot.topic", "robot.rate_hz", "robot.mode", "robot.calibration"]


@pytest.mark.parametrize(
    ("key", "there"),
    [("robot", True), ("robot.mode", True), ("cameras.any.mode", True), ("mode", False), ("robot.x", False)],
)
def test_whether_a_class_has_a_key(key, there):
    assert has_key(Config, key) is there
