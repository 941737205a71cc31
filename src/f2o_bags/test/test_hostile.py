"""Bags by somebody who means harm: nothing of theirs runs, and nothing outside their folder is read."""

import sys

import episodes as e
import pytest
import yaml
from f2o_bags.convert import message_class
from f2o_bags.definitions import find_definition, known_definition
from f2o_bags.edit import merge, recover
from f2o_bags.errors import BagError, DefinitionError
from f2o_bags.metadata import METADATA
from f2o_bags.read import open_bag
from f2o_bags.writer import BagMessage

EVIL = """
from pathlib import Path
Path({mark!r}).touch()
"""


@pytest.fixture
def bag(tmp_path):
    return e.write(tmp_path / "bags")


@pytest.fixture
def secret(tmp_path):
    """Somebody else's recording, beside the hostile bag."""
    return next(e.write(tmp_path / "private", "secret").glob("*.mcap"))


def name_files(bag, *names):
    metadata = yaml.safe_load((bag / METADATA).read_text())
    metadata["rosbag2_bagfile_information"]["relative_file_paths"] = list(names)
    (bag / METADATA).write_text(yaml.safe_dump(metadata))


@pytest.mark.parametrize(
    "name", ["../../private/secret/secret_0.mcap", "{secret}", "sub/../../x.mcap", "..", "sub/.."]
)
def test_metadata_names_no_file_outside_its_folder(bag, secret, name):
    name = name.format(secret=secret)
    name_files(bag, name)
    told = f"{bag / METADATA}: relative_file_paths: expected a file in its own folder, got {name}"
    for read in (
        open_bag,
        lambda path: recover(path, path.parent / "out"),
        lambda path: merge([path], path / "m"),
    ):
        with pytest.raises(BagError) as raised:
            read(bag)
        assert str(raised.value) == told


def test_nor_does_it_where_the_same_name_is_also_in_the_folder(bag):
    name_files(bag, "../episode_0000_0.mcap")
    with pytest.raises(BagError, match=r"expected a file in its own folder, got \.\./episode_0000_0.mcap"):
        open_bag(bag)


@pytest.mark.parametrize("listed", [True, False])
def test_a_recording_that_is_a_link_out_of_the_folder_is_refused(bag, secret, listed):
    (own,) = bag.glob("*.mcap")
    own.unlink()
    own.symlink_to(secret)
    if not listed:
        (bag / METADATA).unlink()
    with pytest.raises(BagError) as raised:
        open_bag(bag)
    assert str(raised.value) == f"{bag}: {own.name} is a link to {secret}; expected a file in its own folder"


@pytest.mark.parametrize("name", [METADATA, "episode_0000_0.db3-wal", "episode_0000_0.mcap.zstd"])
def test_nor_is_any_other_file_of_it_a_link(bag, tmp_path, name):
    private = tmp_path / "passwords"
    private.write_text("secret: 1")
    (bag / name).unlink(missing_ok=True)
    (bag / name).symlink_to(private)
    with pytest.raises(BagError, match=f"{name} is a link to {private}; expected a file in its own folder"):
        open_bag(bag)


def test_what_is_linked_as_a_whole_and_within_a_folder_is_read(bag, tmp_path):
    before = [m.data for m in open_bag(bag).messages()]
    (own,) = bag.glob("*.mcap")
    own.rename(bag / "kept.bin")
    own.symlink_to("kept.bin")
    (tmp_path / "link").symlink_to(bag)
    name_files(bag, f"{bag.name}/{own.name}")  # as rosbag2 once wrote them
    assert [m.data for m in open_bag(tmp_path / "link").messages()] == before


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A Python package that leaves a mark when it is imported, first on the path, as a working folder is."""
    folder, mark = tmp_path / "here", tmp_path / "it_ran"

    def make(name):
        (folder / name / "msg").mkdir(parents=True)
        for file in (folder / name / "__init__.py", folder / name / "msg" / "__init__.py"):
            file.write_text(EVIL.format(mark=str(mark)) + "class Type: pass\n")
        return folder / name

    monkeypatch.syspath_prepend(str(folder))
    make.mark = mark
    yield make
    for name in [name for name in sys.modules if name.split(".")[0].startswith("evil_")]:
        del sys.modules[name]


def test_a_package_that_a_bag_names_is_not_imported(evil, prefix, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    evil("evil_pkg")
    with pytest.raises(DefinitionError) as raised:
        message_class("evil_pkg/msg/Type")
    told = f"evil_pkg/msg/Type: no package of messages evil_pkg with it is installed in {prefix}"
    assert str(raised.value) == told
    assert not evil.mark.exists()


def install(prefix, package, index=True):
    folder = prefix / "share" / package / "msg"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Type.msg").write_text("int8 x\n")
    if index:
        known = prefix / "share" / "ament_index" / "resource_index" / "packages"
        known.mkdir(parents=True, exist_ok=True)
        (known / package).touch()


def test_one_that_hides_an_installed_one_is_not_imported_either(evil, prefix, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    install(prefix, "evil_msgs")
    here = evil("evil_msgs")
    with pytest.raises(DefinitionError) as raised:
        message_class("evil_msgs/msg/Type")
    told = f"evil_msgs/msg/Type: its Python package would be imported from {here}; expected it in {prefix}"
    assert str(raised.value) == told
    assert not evil.mark.exists()


def test_nor_one_that_is_installed_and_has_no_such_message(evil, prefix, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    install(prefix, "evil_tool", index=False)
    evil("evil_tool")
    for name in ("evil_tool/msg/Type", "evil_tool/msg/Other"):
        with pytest.raises(DefinitionError, match="no package of messages evil_tool with it is installed"):
            message_class(name)
    assert not evil.mark.exists()


def test_a_package_of_messages_under_a_prefix_is_imported(evil, prefix, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    install(prefix, "evil_good")
    place = prefix / "lib" / "site-packages"
    place.mkdir(parents=True)
    evil("evil_good").rename(place / "evil_good")
    monkeypatch.syspath_prepend(str(place))
    assert message_class("evil_good/msg/Type").__name__ == "Type"


@pytest.mark.parametrize(
    "name",
    [
        "os",
        "os/path",
        "../msg/x",
        "a/msg/..",
        "a/srv/B",
        "a/msg/b/c",
        "/msg/x",
        "a.b/msg/C",
        "__main__/msg/X",
        "a/msg/B\n",
    ],
)
def test_what_is_no_type_is_one_sentence(name):
    for look_up in (message_class, lambda name: find_definition(name, [])):
        with pytest.raises(DefinitionError, match="not a message type; expected package/msg/Type"):
            look_up(name)
    assert known_definition(name).text == ""


def test_a_bag_is_read_though_it_names_a_strangers_package(evil, tmp_path):
    """To read, check and copy it takes no package at all."""
    from f2o_bags.definitions import MessageDefinition
    from f2o_bags.writer import BagTopic, BagWriter

    evil("evil_pkg")
    topics = {"/a": BagTopic(MessageDefinition("evil_pkg/msg/Type", "int8 x\n"))}
    writer = BagWriter(tmp_path / "bags", "named", topics, {}, unfinished="")
    writer.write(BagMessage("/a", b"\0\1\0\0\1", 1, 1))
    folder = writer.close({}).folder
    assert [m.data for m in open_bag(folder).messages()] == [b"\0\1\0\0\1"]
    assert not evil.mark.exists()
