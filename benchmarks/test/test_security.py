"""Files and words of strangers run no code (docs/security.md); what a bag may do is in f2o_bags's tests."""

import ast
import os
import subprocess
import sys
import time

import pytest
import torch
from f2o_bringup.node_process import NodeProcess
from f2o_bringup.specs import NodeSpec
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.errors import CheckpointError

from benchmarks import ROOT

SOURCES = [path for pattern in ("src/*/f2o_*/**/*.py", "scripts/*.py") for path in ROOT.glob(pattern)]
RUN_CODE = {
    "eval",
    "exec",
    "pickle.load",
    "pickle.loads",
    "yaml.load",
    "yaml.unsafe_load",
    "os.system",
    "os.popen",
}
SWITCHES = {("allow_pickle", True), ("weights_only", False), ("shell", True)}


def test_a_checkpoint_that_wants_to_run_code_is_refused_and_runs_none(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"schema": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="is not a checkpoint file"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert (tmp_path / "ran").exists(), "it is evil: read without care it runs"


def name_of(call):
    """``os.system`` of a call of it."""
    return ast.unparse(call.func)


def dangerous(source):
    """Calls that run code or read what can, in Python's own ways."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        if name_of(call) in RUN_CODE:
            yield ast.unparse(call)
        for word in call.keywords:
            if isinstance(word.value, ast.Constant) and (word.arg, word.value.value) in SWITCHES:
                yield ast.unparse(call)


def test_nothing_is_read_in_a_way_that_runs_code():
    """Neither pickles, nor YAML with tags, nor numpy's objects, nor a shell."""
    assert len(SOURCES) > 150
    assert list(dangerous("np.load(f, allow_pickle=True)\nos.system(x)\nyaml.safe_load(y)")) == [
        "np.load(f, allow_pickle=True)",
        "os.system(x)",
    ]
    found = {str(path.relative_to(ROOT)): list(dangerous(path.read_text())) for path in SOURCES}
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "word", ["; touch ran", "$(touch ran)", "`touch ran`", "&& touch ran", "'; touch ran; '"]
)
def test_no_shell_reads_a_launch_argument(tmp_path, monkeypatch, word):
    monkeypatch.chdir(tmp_path)
    lines = []
    process = NodeProcess(
        NodeSpec("f2o_none", "echo", "echo"),
        [sys.executable, "-c", "import sys; print(sys.argv[1])", word],
        lines.append,
    )
    deadline = time.monotonic() + 20
    while process.status is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.finish()
    assert lines == [f"[echo] {word}"] and not (tmp_path / "ran").exists()


def test_a_yaml_file_with_tags_is_refused(tmp_path):
    file = tmp_path / "bridge.yaml"
    file.write_text(f"robot: !!python/object/apply:os.system ['touch {tmp_path}/ran']\n")
    code = (
        "from f2o_nodekit.config import load_config\nfrom f2o_control.config import BridgeConfig\n"
        f"load_config(BridgeConfig, {str(file)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "not YAML (line 1)" in done.stderr and not (tmp_path / "ran").exists()
