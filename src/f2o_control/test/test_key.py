"""The key of the udp path: made once, read by its owner alone, and asked for before anything moves."""

import os
import stat
import types

import pytest
from f2o_control.adapters import UdpRules, make_adapter
from f2o_control.errors import KeyFileError
from f2o_control.key import is_loopback, key_for, make_key, read_key
from f2o_control.launch_check import mismatches


@pytest.fixture
def file(tmp_path):
    make_key(tmp_path / "key")
    return tmp_path / "key"


def test_a_key_is_random_and_its_owners(file, tmp_path):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    make_key(tmp_path / "another")
    keys = read_key(file), read_key(tmp_path / "another")
    assert len(keys[0]) == len(keys[1]) == 32 and keys[0] != keys[1]


def test_a_key_is_made_once(file, tmp_path):
    before = file.read_text()
    with pytest.raises(KeyFileError, match=r"key: .*key: File exists; expected the path of a new file"):
        make_key(file)
    assert file.read_text() == before
    with pytest.raises(KeyFileError, match="No such file or directory; expected the path of a new file"):
        make_key(tmp_path / "missing/key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_can_read_is_refused(file, mode):
    os.chmod(file, mode)
    with pytest.raises(KeyFileError, match=f"others can read it; expected mode 600, got {mode:o}"):
        read_key(file)


@pytest.mark.parametrize("text", ["", "secret", "ab" * 31, "ab" * 33, "zz" * 32, "ab" * 5000])
def test_what_is_no_key_is_refused(file, text):
    file.write_text(text)
    with pytest.raises(KeyFileError, match="expected 64 hexadecimal digits, as python -m f2o_rt key FILE"):
        read_key(file)


def test_bytes_that_are_no_text_and_folders_are_refused(file, tmp_path):
    file.write_bytes(b"\xff\xfe" * 20)
    with pytest.raises(KeyFileError, match="not a text; expected a file that"):
        read_key(file)
    with pytest.raises(KeyFileError, match="Is a directory; expected a file that"):
        read_key(tmp_path)


def test_only_this_machine_needs_no_key(file, panda):
    for here in ("127.0.0.1", "127.9.8.7", "::1", "localhost"):
        assert is_loopback(here) and key_for("", here) == b""
    for there in ("10.0.0.2", "0.0.0.0", "rt-pc", "::", ""):
        assert not is_loopback(there) and key_for(str(file), there) == read_key(file)
        with pytest.raises(
            KeyFileError, match="is not this machine; expected a file that python -m f2o_rt key"
        ):
            key_for("", there)
    with pytest.raises(KeyFileError, match=r"key: 10\.0\.0\.2 is not this machine"):
        make_adapter("udp", panda, UdpRules(host="10.0.0.2"))
    make_adapter("udp", panda, UdpRules(host="10.0.0.2", key=str(file))).close()
    make_adapter("jtc", panda, UdpRules(host="10.0.0.2"))


BOTH = ("bridge_node", "f2o_rt_receiver")


def launch(tmp_path, nodes=BOTH, bridge=None, receiver=None, **values):
    """As ``f2o_bringup.checks.Launch``, with these keys in the two files."""
    trees = {"bridge.yaml": {"udp": {"key": bridge}}, "receiver.yaml": {"key": receiver}}
    values = {"sim": False, "adapter": "udp", "use_fake_hardware": "false", **values}
    return types.SimpleNamespace(
        values=values, nodes=nodes, configuration=lambda name: (tmp_path / name, trees[name])
    )


def test_a_real_arm_is_not_launched_without_a_key(file, tmp_path):
    missing = mismatches(launch(tmp_path))
    assert [sentence.split(" names none; ")[0] for sentence in missing] == [
        f"udp.key: {tmp_path}/bridge.yaml",
        f"key: {tmp_path}/receiver.yaml",
    ]
    assert len(mismatches(launch(tmp_path, nodes=("bridge_node",)))) == 1
    assert len(mismatches(launch(tmp_path, bridge="key"))) == 1
    assert mismatches(launch(tmp_path, bridge="key", receiver=str(file))) == []


def test_a_simulated_arm_on_this_machine_needs_none(tmp_path):
    assert mismatches(launch(tmp_path, sim=True)) == []
    assert mismatches(launch(tmp_path, use_fake_hardware="true")) == []
    assert mismatches(launch(tmp_path, use_fake_hardware="true", real_time_pc="127.0.0.1")) == []
    assert len(mismatches(launch(tmp_path, use_fake_hardware="true", real_time_pc="10.0.0.2"))) == 2
    assert mismatches(launch(tmp_path, adapter="jtc")) == []


def test_two_different_keys_are_one_sentence(file, tmp_path):
    make_key(tmp_path / "another")
    both = f"{tmp_path}/bridge.yaml: udp.key and {tmp_path}/receiver.yaml: key: expected the same key in both"
    assert mismatches(launch(tmp_path, bridge="key", receiver="another")) == [both]
    assert mismatches(launch(tmp_path, bridge="key", sim=True)) == [both]


def test_a_key_that_others_can_read_stops_the_launch(file, tmp_path):
    file.chmod(0o644)
    (sentence,) = mismatches(launch(tmp_path, nodes=("bridge_node",), bridge="key"))
    assert sentence == f"{tmp_path}/bridge.yaml: key: {file}: others can read it; expected mode 600, got 644"
