"""The shared field types: what each lets through, and the sentence where it does not."""

from typing import Annotated

import pytest
from f2o_nodekit.config import STRICT, ConfigError, build_config
from pydantic.dataclasses import dataclass

from f2o_nodekit import fields


def build(hint, value):
    @dataclass(frozen=True, config=STRICT)
    class One:
        value: hint

    return build_config(One, {"value": value}, "one.yaml").value


@pytest.mark.parametrize(
    ("hint", "legal", "wrong", "expected"),
    [
        (fields.Positive, 0.1, 0, "a number above 0"),
        (fields.NotNegative, 0, -0.1, "a number of at least 0"),
        (fields.Share, 1, 1.1, "a number above 0 and at most 1"),
        (fields.Probability, 0, 1.1, "a number from 0 to 1"),
        (fields.Count, 1, 0, "an integer of at least 1"),
        (fields.Seed, 0, -1, "an integer from 0 to 4294967295"),
        (fields.Port, 65535, 65536, "an integer from 1 to 65535"),
        (fields.FifoPriority, 0, 100, "an integer from 0 to 99"),
        (fields.Names, ["a", "b"], ["a", "a"], "one or more different names"),
        (fields.Names, ["a"], [], "one or more different names"),
        (fields.Interval, [0, 1], [1, 1], "lower < upper"),
        (fields.TopicName, "/f2o/mode", "f2o mode", "a topic name"),
        (fields.TopicName, "~/mode", "", "a topic name"),
        (fields.ViewTopicName, "/{view}/image", "/wrist/image", "a topic name with {view} in it"),
        (fields.WrittenPath, "", "/nowhere/trace.npz", "a path in an existing folder"),
        (Annotated[str, fields.one_of(("jtc", "udp"))], "udp", "tcp", "one of jtc, udp"),
    ],
)
def test_legal_values_pass_and_others_are_named(hint, legal, wrong, expected):
    value = build(hint, legal)
    assert value == (tuple(legal) if isinstance(legal, list) else legal)
    with pytest.raises(ConfigError) as error:
        build(hint, wrong)
    assert str(error.value) == f"one.yaml: 1 error: value: expected {expected}, got {wrong!r}"


def test_a_written_path_needs_its_folder_only(tmp_path):
    assert build(fields.WrittenPath, str(tmp_path / "new.npz")) == str(tmp_path / "new.npz")
