import os
from pathlib import Path

import pytest
from f2o_bags.definitions import find_definition, installed_prefixes, known_definition
from f2o_bags.errors import DefinitionError


def test_dependencies_follow_once_each_with_the_separator(prefix):
    definition = find_definition("toy/msg/Point", [prefix])
    blocks = definition.text.split("=" * 80 + "\n")
    assert blocks[0].startswith("uint8 KIND=3\nstd_msgs/Header header\n")
    assert [block.splitlines()[0] for block in blocks[1:]] == [
        "MSG: std_msgs/Header",
        "MSG: builtin_interfaces/Time",
        "MSG: toy/Part",
    ]
    assert definition.hash.startswith("RIHS01_")


def test_a_text_that_is_no_definition_is_named(prefix):
    file = prefix / "share" / "toy" / "msg" / "Part.msg"
    file.write_text("float32 = = x\n")
    with pytest.raises(DefinitionError, match=rf"^{file}: cannot be parsed \("):
        find_definition("toy/msg/Point", [prefix])


def test_a_type_that_its_bag_does_not_describe_is_known_or_has_no_text(prefix, monkeypatch):
    assert "float64[] position" in known_definition("sensor_msgs/msg/JointState").text
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    assert known_definition("toy/msg/Part").text == find_definition("toy/msg/Part").text
    unknown = known_definition("toy/msg/No")
    assert (unknown.name, unknown.text, unknown.encoding) == ("toy/msg/No", "", "")


def test_the_nearest_overlay_wins(prefix, tmp_path):
    near = tmp_path / "near" / "share" / "toy" / "msg"
    near.mkdir(parents=True)
    (near / "Part.msg").write_text("int8 other\n")
    assert find_definition("toy/msg/Part", [tmp_path / "near", prefix]).text == "int8 other\n"


@pytest.mark.parametrize("name", ["toy/Part", "toy/srv/Part", "Part", "a/msg/b/c"])
def test_a_malformed_name_is_refused(prefix, name):
    with pytest.raises(DefinitionError, match="not a message type; expected package/msg/Type"):
        find_definition(name, [prefix])


def test_a_missing_type_says_where_it_was_looked_for(prefix):
    with pytest.raises(
        DefinitionError, match=r"toy/msg/No: no definition installed \(share/toy/msg/No.msg\) in .*prefix"
    ):
        find_definition("toy/msg/No", [prefix])
    with pytest.raises(DefinitionError, match="AMENT_PREFIX_PATH, which is empty"):
        find_definition("toy/msg/No", [])


def test_prefixes_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", os.pathsep.join(["/near", "", "/far"]))
    assert installed_prefixes() == [Path("/near"), Path("/far")]


def test_hashes_are_those_that_rosbags_computes():
    """Two independent sources of the RIHS01 hash agree; needs installed ROS messages."""
    typesys = pytest.importorskip("rosbags.typesys")
    name = "sensor_msgs/msg/JointState"
    try:
        definition = find_definition(name)
    except DefinitionError:
        pytest.skip("no ROS messages installed")
    store = typesys.get_typestore(typesys.Stores.ROS2_KILTED)
    assert definition.hash == store.hash_rihs01(name)
    parsed = typesys.get_types_from_msg(definition.text, name)
    assert set(parsed) == {name, "std_msgs/msg/Header", "builtin_interfaces/msg/Time"}
