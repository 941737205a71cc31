from dataclasses import dataclass, field

import pytest
from f2o_nodekit.config import ConfigError, build_config, flatten, load_config


@dataclass(frozen=True)
class Camera:
    topic: str
    rate_hz: float = 30.0

    def check(self) -> list[str]:
        return [] if self.rate_hz > 0 else [f"rate_hz: expected > 0, got {self.rate_hz}"]


@dataclass(frozen=True)
class Config:
    name: str
    box: tuple[float, float]
    cameras: dict[str, Camera]
    joints: tuple[str, ...] = ()
    port: int | None = None
    robot: Camera = field(default_factory=lambda: Camera("arm"))

    def check(self) -> list[str]:
        low, high = self.box
        return [] if low < high else [f"box: expected low < high, got {low} and {high}"]


GOOD = {"name": "x", "box": [0, 1], "cameras": {"wrist": {"topic": "/w"}}, "joints": ["a", "b"]}


def test_a_file_becomes_a_dataclass(tmp_path):
    path = tmp_path / "node.yaml"
    path.write_text("name: x\nbox: [0, 1]\ncameras: {wrist: {topic: /w}}\njoints: [a, b]\n")
    config = load_config(Config, path, {"cameras.wrist.rate_hz": 15, "robot.topic": "elbow"})
    assert config.box == (0.0, 1.0) and isinstance(config.box[0], float)
    assert config.cameras["wrist"] == Camera("/w", 15.0)
    assert config.robot.topic == "elbow" and config.port is None


def test_every_mistake_is_reported_at_once_with_file_and_key():
    tree = {**GOOD, "box": [1], "nme": 3, "port": "usb", "cameras": {"wrist": {"rate_hz": True}}}
    with pytest.raises(ConfigError) as error:
        build_config(Config, tree, "node.yaml")
    text = str(error.value)
    assert text.startswith("node.yaml: 5 errors: nme: unknown key, expected one of name, box, cameras")
    assert "box: expected a list of 2 (a number each), got 1 items" in text
    assert "cameras.wrist.topic: missing, expected a text" in text
    assert "cameras.wrist.rate_hz: expected a number, got True" in text
    assert "port: expected an integer, got 'usb'" in text


def test_rules_of_nested_dataclasses_name_the_whole_key():
    tree = {**GOOD, "box": [2, 1], "cameras": {"wrist": {"topic": "/w", "rate_hz": 0}}}
    with pytest.raises(
        ConfigError, match=r"box: expected low < high, got 2.0 and 1.0; cameras.wrist.rate_hz: expected > 0"
    ):
        build_config(Config, tree, "node.yaml")


def test_a_file_that_is_missing_broken_or_a_list_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.yaml: 1 error: cannot be read \(No such file or directory\)"):
        load_config(Config, tmp_path / "no.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1,\nb: }")
    with pytest.raises(ConfigError, match=r"broken\.yaml: 1 error: not YAML \(line 2\)"):
        load_config(Config, tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match=r"expected keys and values, got \[1\]"):
        load_config(Config, tmp_path / "list.yaml")


@pytest.mark.parametrize(("key", "above"), [("name.x", "name"), ("robot.rate_hz.x.y", "robot.rate_hz")])
def test_an_override_below_a_plain_value_is_one_sentence(key, above):
    tree = {**GOOD, "robot": {"topic": "arm", "rate_hz": 5}}
    with pytest.raises(
        ConfigError, match=rf"node\.yaml: 1 error: {key}: expected keys below {above}, it is ('x'|5)$"
    ):
        build_config(Config, tree, "node.yaml", {key: 1})


def test_flatten_gives_dotted_leaves():
    leaves = flatten(build_config(Config, GOOD, "node.yaml"))
    assert leaves["cameras.wrist.rate_hz"] == 30.0
    assert leaves["joints"] == ("a", "b")
    assert leaves["port"] is None
