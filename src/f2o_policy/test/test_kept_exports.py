"""Exports kept between starts: made once, torch-free afterwards, made anew where they do not fit or are damaged."""

import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from f2o_policy.checkpoint import load_checkpoint, save_checkpoint
from f2o_policy.errors import EngineError
from f2o_policy.runtime import load
from f2o_policy.runtime.load import load_engine, open_engine
from test_engine import MANY, checkpoint_of, inputs

pytest.importorskip("openvino")
from f2o_policy.runtime import kept_exports


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/f2o/exports"


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A student's checkpoint file."""
    file = tmp_path_factory.mktemp("kept") / "student.pt"
    save_checkpoint(file, checkpoint_of("student"))
    return file


def opened(path):
    """An engine of ``path``, and what was said."""
    said = []
    return open_engine(path, MANY, "openvino", say=said.append), said


@pytest.fixture(scope="module")
def made(student, tmp_path_factory):
    """A cache that holds the student's export."""
    home = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        opened(student)
    return home / "f2o/exports"


@pytest.fixture
def filled(cache, made):
    """The same, of this test alone."""
    shutil.copytree(made, cache)
    return cache


def test_the_first_start_exports_and_later_ones_need_no_torch(cache, student):
    engine, said = opened(student)
    (folder,) = (f for f in cache.iterdir())
    assert said == [f"{student}: converting it for OpenVINO; later starts find it in {folder}"]
    truth, (seen, joints, noise) = load_engine(load_checkpoint(student), MANY, "torch"), inputs(0)
    expected = truth.plan(truth.embed(seen), joints, noise)
    np.testing.assert_allclose(engine.plan(engine.embed(seen), joints, noise), expected, atol=1e-5)
    program = f"""
        import sys
        sys.modules["torch"] = None
        from pathlib import Path
        from f2o_policy.runtime.load import open_engine
        print(open_engine(Path({str(student)!r}), {MANY}, "openvino", say=print).name)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, env=dict(os.environ)
    )
    assert (done.stdout, done.returncode) == ("openvino-f32\n", 0), done.stderr


def test_other_weights_are_another_export(filled, student, tmp_path):
    save_checkpoint(tmp_path / "other.pt", checkpoint_of("student", seed=5))
    one, two = opened(student)[0], opened(tmp_path / "other.pt")[0]
    assert len(list(filled.iterdir())) == 2
    seen, joints, noise = inputs(0)
    assert (
        np.abs(one.plan(one.embed(seen), joints, noise) - two.plan(two.embed(seen), joints, noise)).max()
        > 1e-3
    )


@pytest.mark.parametrize("what", ["cut", "gone", "not an export"])
def test_a_damaged_one_is_made_anew(filled, student, what):
    assert opened(student)[1] == []
    (folder,) = filled.iterdir()
    if what == "cut":
        (folder / "embed.bin").write_bytes(b"")
    elif what == "gone":
        (folder / "reference.npz").unlink()
    else:
        (folder / "policy.json").write_text("{}")
    assert len(opened(student)[1]) == 1
    assert opened(student)[1] == []


def test_where_nothing_can_be_kept_it_is_converted_each_time(student, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    engine, said = opened(student)
    assert engine.name == "openvino-f32"
    assert "converted for OpenVINO at each start, because no export can be kept: " in said[-1]


def test_only_the_ones_used_last_are_kept(cache, student, monkeypatch):
    monkeypatch.setattr(kept_exports, "KEPT", 2)
    for age in range(3):
        folder = cache / f"old{age}"
        folder.mkdir(parents=True)
        (folder / "policy.json").write_text("{}")
        os.utime(folder, (age + 1, age + 1))
    opened(student)
    assert {f.name[:4] for f in cache.iterdir()} == {
        "old2",
        next(f.name[:4] for f in cache.iterdir() if len(f.name) == 32),
    }


def test_what_cannot_be_exported_says_why(cache, student, tmp_path):
    broken = checkpoint_of("student")
    for value in broken.state.values():
        if value.is_floating_point():
            value.fill_(float("nan"))
    save_checkpoint(tmp_path / "broken.pt", broken)
    with pytest.raises(EngineError, match=r"disagrees with eager float32 torch"):
        opened(tmp_path / "broken.pt")
    assert not list(cache.iterdir())


def test_torch_is_asked_for_a_gpu_only_where_there_is_a_driver(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(load.ctypes, "CDLL", missing)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert load.resolve_backend("auto") == "openvino"


def test_openvino_tells_nobody():
    program = """
        import socket, sys, threading
        def refuse(*words, **more): raise AssertionError(f"connects to {words}")
        socket.socket.connect = socket.create_connection = refuse
        import f2o_policy.runtime.export
        print(sys.modules.get("openvino_telemetry"), threading.active_count())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("None 1\n", "")
