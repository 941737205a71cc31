"""An exported student: the same plans without torch, and one sentence for every folder that is none."""

import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from f2o_policy.checkpoint import load_checkpoint, save_checkpoint
from f2o_policy.errors import EngineError
from f2o_policy.runtime.cuda_backend import Autocast, cast_weights, cuda_callables
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.load import load_engine, open_engine, read_spec
from f2o_policy.runtime.parts import EmbedPart, HeadPart
from f2o_policy.runtime.torch_backend import torch_callables
from test_engine import MANY, checkpoint_of, inputs

openvino = pytest.importorskip("openvino")
from f2o_policy.runtime.export import write_export  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a checkpoint file and its export."""
    folder = tmp_path_factory.mktemp("export")
    save_checkpoint(folder / "student.pt", checkpoint_of("student"))
    assert write_export(load_checkpoint(folder / "student.pt"), folder / "exported") < 2e-4
    return folder


@pytest.mark.parametrize("hypotheses", [1, MANY])
def test_it_plans_what_its_checkpoint_plans(place, hypotheses):
    exported, checkpoint = open_engine(place / "exported", hypotheses), load_checkpoint(place / "student.pt")
    truth = load_engine(checkpoint, hypotheses, "torch")
    for seed in range(5):
        seen, joints, noise = inputs(seed)
        expected = truth.plan(truth.embed(seen), joints, noise[:hypotheses])
        found = exported.plan(exported.embed(seen), joints, noise[:hypotheses])
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_knows_the_policy_and_where_it_comes_from(place):
    spec, tree = read_spec(place / "exported"), json.loads((place / "exported/policy.json").read_text())
    assert spec == read_spec(place / "student.pt")
    assert len(spec.source_sha256) == 64
    assert set(tree["versions"]) == {"torch", "openvino", "numpy"}


def test_it_runs_where_torch_cannot_be_imported(place):
    program = f"""
        import sys
        sys.modules["torch"] = None
        from pathlib import Path
        import numpy as np
        from f2o_policy.runtime.config import PolicyConfig
        from f2o_policy.runtime.load import open_engine
        from f2o_policy.runtime.policy import Policy
        engine = open_engine(Path({str(place / "exported")!r}), 2)
        Policy(engine, PolicyConfig(checkpoint="x")).warm_up(2)
        print(engine.name)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("openvino-f32\n", 0), done.stderr


def test_a_damaged_export_is_refused(place, tmp_path):
    def copy(name):
        return shutil.copytree(place / "exported", tmp_path / name)

    changed = copy("changed")
    with np.load(changed / "reference.npz") as kept:
        arrays = dict(kept)
    arrays["plans"] += 0.001
    np.savez(changed / "reference.npz", **arrays)
    with pytest.raises(
        EngineError, match=r"openvino-f32 disagrees with eager float32 torch by 1 mrad and 1 mm"
    ):
        open_engine(changed, 2)
    cut = copy("cut")
    (cut / "embed.xml").write_text("<net")
    with pytest.raises(EngineError, match="cut: incomplete or damaged"):
        open_engine(cut, 2)
    (copy("empty") / "reference.npz").write_bytes(b"")
    with pytest.raises(EngineError, match="empty: incomplete or damaged"):
        open_engine(tmp_path / "empty", 2)
    (copy("gone") / "reference.npz").unlink()
    with pytest.raises(EngineError, match="gone: incomplete or damaged"):
        open_engine(tmp_path / "gone", 2)
    old = copy("old")
    (old / "policy.json").write_text('{"schema": "f2o_export/0"}')
    with pytest.raises(EngineError, match="expected schema f2o_export/1, got 'f2o_export/0'; export again"):
        open_engine(old, 2)
    (old / "policy.json").write_text('{"schema": "f2o_export/1", "policy": {"kind": 3}}')
    with pytest.raises(EngineError, match=r"policy\.json cannot be read"):
        open_engine(old, 2)


def test_only_known_precisions_are_tried(place):
    with pytest.raises(EngineError, match="precision 'fp8': expected one of f32, bf16, f16"):
        open_engine(place / "exported", 2, precision="fp8")


def test_what_cannot_be_exported_or_run_is_said(place):
    with pytest.raises(EngineError, match="kind 'teacher' cannot be exported, expected a student"):
        write_export(checkpoint_of("teacher"), place / "other")
    with pytest.raises(EngineError, match="exported exists, expected a new folder"):
        write_export(checkpoint_of("student"), place / "exported")
    with pytest.raises(EngineError, match="a student for backend openvino, got backend 'torch', 0 steps"):
        open_engine(place / "exported", 2, "torch")


def test_half_precision_weights_compute_nearly_the_same():
    """What the GPU backend captures, run on this processor: bfloat16 weights under autocast."""
    checkpoint = checkpoint_of("student")
    network = cast_weights(checkpoint.build_network(), torch.bfloat16)
    kinds = {p.dtype for p in network.parameters()}
    assert kinds == {torch.bfloat16, torch.float32}  # norms and the joints' MLP keep float32
    assert {p.dtype for p in (*network.proprio.parameters(), *network.unet.out.parameters())} == {
        torch.float32
    }

    def call(part):
        half = Autocast(part, "cpu", torch.bfloat16)
        return torch.inference_mode()(lambda *a: half(*(torch.from_numpy(x) for x in a)).numpy())

    engine = NetworkEngine(checkpoint.spec, call(EmbedPart(network)), call(HeadPart(network)), "bf16")
    truth = NetworkEngine(checkpoint.spec, *torch_callables(checkpoint), name="torch-f32")
    seen, joints, noise = inputs(0)
    plans = [e.plan(e.embed(seen), joints, noise) for e in (engine, truth)]
    assert 0 < np.abs(plans[0] - plans[1]).max() < 0.05


def test_without_a_gpu_cuda_says_so():
    if torch.cuda.is_available():
        engine = load_engine(
            checkpoint_of("student"), MANY, "cuda", "f16"
        )  # checked against torch as it loads
        assert engine.name == "cuda-f16"
        return
    with pytest.raises(EngineError, match="backend 'cuda': torch sees no GPU here"):
        cuda_callables(checkpoint_of("student"), MANY, "f16")
