"""The hash of the code changes with the code and with nothing else."""

import sys

import pytest
from f2o_nodekit.provenance import code_sha256, origin, other_code

from f2o_nodekit import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "gripping"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "force.py").write_text("NEWTON = 20\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    provenance._code_sha256.cache_clear()


def digest(*names):
    provenance._code_sha256.cache_clear()
    return code_sha256(names or ("gripping",))


def test_it_follows_the_sources(package):
    before = digest()
    assert len(before) == 64
    (package / "notes.txt").write_text("not code")
    (package / "__pycache__").mkdir()
    assert digest() == before
    (package / "force.py").write_text("NEWTON = 21\n")
    changed = digest()
    assert changed != before
    (package / "force.py").rename(package / "strength.py")
    assert digest() not in (before, changed)


def test_the_order_of_the_packages_does_not_matter(package):
    assert digest("gripping", "f2o_nodekit") == digest("f2o_nodekit", "gripping") != digest()


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(
        ModuleNotFoundError, match="package f2o_nowhere: not installed, so its code has no hash"
    ):
        code_sha256(["f2o_nowhere"])


def test_other_code_is_one_sentence():
    assert other_code("a" * 64, "a" * 64) == ""
    assert other_code("a" * 64, "b" * 64).startswith(
        "was begun with other code (sha256 aaaaaaaaaaaa, now bbbbbbbbbbbb): results of both are not comparable"
    )
    assert "sha256 unknown" in other_code("", "b" * 64)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("/usr/bin/f2o", "f2o eval --out 'a b'"),
        ("/x/dither/__main__.py", "python -m dither eval --out 'a b'"),
    ],
)
def test_the_origin_names_command_machine_and_day(monkeypatch, program, said):
    monkeypatch.setattr(sys, "argv", [program, "eval", "--out", "a b"])
    found = origin()
    assert found["command"] == said
    assert " cores of " in found["machine"]
    assert found["date"].count("-") == 2


def test_a_machine_without_cpuinfo_has_a_name_too(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "CPUINFO", tmp_path / "none")
    assert " cores of , " not in provenance.machine()
