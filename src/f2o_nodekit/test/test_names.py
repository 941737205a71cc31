"""Names of topics in and out of a namespace, and which namespaces are legal."""

import argparse
from dataclasses import field

import pytest
from f2o_nodekit.config import STRICT, Place, build_config, load_config
from f2o_nodekit.fields import TopicName, ViewTopicName
from f2o_nodekit.names import full_name, namespace, namespace_word, without
from pydantic.dataclasses import dataclass

LEGAL = ["left", "/left", "cell_1/left", "/cell_1/left", "_a", "A", "a__b"]
ILLEGAL = [
    "left arm",
    "1left",
    "left/",
    "//left",
    "left//arm",
    "left/2",
    "links-hinten",
    "~left",
    "~",
    "{left}",
    "ä",
]


@dataclass(frozen=True, config=STRICT)
class Topics:
    mode: TopicName = "f2o/mode"
    color: ViewTopicName = "{view}/color"
    shared: TopicName = "/table/wrench"
    own: TopicName = "~/own"


@dataclass(frozen=True, config=STRICT)
class Config:
    topics: Topics = field(default_factory=Topics)
    more: dict[TopicName, int] = field(default_factory=dict)
    fault: TopicName = "fault"


def test_a_name_without_a_leading_slash_is_in_the_namespace_whoever_gave_it(tmp_path):
    """Those of the file and the defaults alike, also of a section that the file leaves out."""
    for text in ("{}", "topics: {}", "topics: {mode: f2o/mode}"):
        (tmp_path / "node.yaml").write_text(text)
        left = load_config(Config, tmp_path / "node.yaml", namespace="/left")
        names = ("/left/f2o/mode", "/left/{view}/color", "/table/wrench", "~/own")
        assert (left.topics.mode, left.topics.color, left.topics.shared, left.topics.own) == names
        assert left.fault == "/left/fault"
        root = load_config(Config, tmp_path / "node.yaml")
        assert (root.topics.mode, root.topics.color, root.fault) == ("/f2o/mode", "/{view}/color", "/fault")
    assert (Config().topics.mode, Config().fault) == ("/f2o/mode", "/fault")
    given = build_config(Config, {"more": {"a": 1, "/b": 2}}, "x", {"topics.mode": "m"}, Place(None, "/left"))
    assert given.more == {"/left/a": 1, "/b": 2} and given.topics.mode == "/left/m"


def test_a_namespace_is_taken_away_whole():
    assert without("/left/f2o/mode", "/left") == "/f2o/mode" == without("/f2o/mode", "")
    assert without("/left_hand/mode", "/left") == "/left_hand/mode"
    assert without(full_name("f2o/mode", "/cell/left"), "/cell/left") == full_name("f2o/mode")


@pytest.mark.parametrize("text", LEGAL)
def test_a_legal_namespace_may_have_its_slash_or_not(text):
    assert namespace(text) == f"/{text.removeprefix('/')}" == namespace_word(text)
    assert namespace("") == namespace("/") == ""


@pytest.mark.parametrize("text", ILLEGAL)
def test_another_is_refused_in_words(text):
    expected = "expected names of letters, digits and _ that begin with no digit, with / between them, got"
    with pytest.raises(argparse.ArgumentTypeError, match=expected):
        namespace_word(text)


@pytest.mark.parametrize("text", [*LEGAL, *ILLEGAL])
def test_it_is_legal_here_if_it_is_in_ros(text):
    rclpy = pytest.importorskip("rclpy.validate_namespace", reason="rclpy is not installed")
    absolute = text if text.startswith("/") else f"/{text}"
    try:
        rclpy.validate_namespace(absolute)
        legal = True
    except Exception:
        legal = False
    assert legal == (text in LEGAL)
