import os
from pathlib import Path

import pytest
from f2o_bags.definitions import SEPARATOR, find_definition, installed_prefixes
from f2o_bags.errors import DefinitionError


def test_dependencies_follow_once_each_with_the_separator(prefix):
    definition = find_definition("toy/msg/Point", [prefix])
    blocks = definition.text.split(SEPARATOR + "\n")
    assert blocks[0].startswith("std_msgs/Header header")
    assert [block.splitlines()[0] for block in blocks[1:]] == [
        "MSG: std_msgs/Header",
        "MSG: builtin_interfaces/Time",
        "MSG: toy/Part",
    ]
    assert definition.hash == ""


def test_the_hash_comes_from_the_installed_description(prefix):
    assert find_definition("toy/msg/Part", [prefix]).hash == "RIHS01_0"


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
