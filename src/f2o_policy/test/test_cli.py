"""The command line: what it prints, and one sentence and status 2 for every mistake."""

import json

import pytest
import torch
import yaml
from f2o_nodekit.config import load_config
from f2o_policy.methods import METHODS
from f2o_policy.training.config import Config
from toys import write_dataset

from f2o_bringup import cli

TINY = {
    "threads": 1,
    "precision": "float32",
    "model": {
        "views": 2, "image_size": 32, "points": 16, "horizon": 8, "trunk_width": 8, "token_dim": 16,
        "attention_heads": 2, "pool_queries": 2, "visual_dim": 16, "point_widths": [8, 16], "point_dim": 8,
        "proprio_dim": 8, "unet_widths": [16, 32], "groups": 4, "step_dim": 16,
    },
    "window": {"horizon": 8, "validation_fraction": 0.25},
    "teacher": {"method": "cfm", "steps": 2, "batch": 2},
    "sets": {"count": 4, "observations": 8, "range_margin": 1e9},
    "student": {"method": "imle", "steps": 2, "batch": 2},
    "cfm": {"steps": 2},
    "imle": {"hypotheses": 4},
}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    write_dataset(tmp_path / "data")
    return tmp_path


def f2o(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_:
        cli.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return exit_.value.code, captured.out, captured.err


def test_teacher_sets_and_student_from_the_shell(place, capsys):
    config = ("--config", place / "tiny.yaml")
    code, out, _ = f2o(capsys, "train", "--data", place / "data", "--out", place / "t", *config)
    assert code == 0
    assert out.startswith(f'{place}/t: {{"wall_s":')
    code, out, _ = f2o(
        capsys, "sample", "--teacher", place / "t", "--data", place / "data", "--out", place / "s", *config
    )
    assert code == 0
    assert json.loads(out.split(": ", 1)[1])["done"] == 8
    code, out, _ = f2o(
        capsys, "distill", "--teacher", place / "t", "--sets", place / "s", "--out", place / "d", "--method", "mse",
        *config,
    )  # fmt: skip
    assert code == 0
    assert (place / "d" / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("train", "--data", "nowhere", "--out", "x"),
            "f2o train: data set nowhere: manifest.json cannot be read (No such file or directory)",
        ),
        (
            ("train", "--data", "d", "--out", "x", "--config", "missing.yaml"),
            "f2o train: missing.yaml: 1 error: cannot be read (No such file or directory)",
        ),
        (
            ("train", "--data", "d", "--out", "x", "--set", "teacher.steps"),
            "f2o train: --set teacher.steps: expected KEY=VALUE, e.g. teacher.steps=2000",
        ),
        (
            ("train", "--data", "d", "--out", "x", "--set", "model.modalities=[colour"),
            "f2o train: --set model.modalities=[colour: expected a YAML value, e.g. 3 or [a, b]",
        ),
        (
            ("train", "--data", "d", "--out", "x", "--set", "seed.x=1"),
            "f2o train: command line: 1 error: seed.x: expected keys below seed, it is 0",
        ),
        (
            ("train", "--data", "d", "--out", "x", "--set", "teacher.steps=0", "--set", "model.kernel=4"),
            "f2o train: command line: 2 errors: model.kernel: expected an odd number, got 4; "
            "teacher.steps: expected an integer of at least 1, got 0",
        ),
        (
            ("sample", "--teacher", "t.pt", "--data", "d", "--out", "x"),
            "f2o sample: checkpoint t.pt: cannot be read (No such file or directory)",
        ),
        (
            ("distill", "--teacher", "t", "--sets", "s", "--out", "x", "--method", "gan"),
            "f2o distill: unknown student method 'gan', expected one of: "
            "coverage, fidelity, hungarian, imle, mse, paired, prefix",
        ),
        (
            ("convert", "nowhere", "--out", "x", "--perception", "p.yaml"),
            "f2o convert: p.yaml: 1 error: cannot be read (No such file or directory)",
        ),
        (
            ("eval", "--policy", "student.pt"),
            "f2o eval: checkpoint student.pt: cannot be read (No such file or directory)",
        ),
    ],
)
def test_mistakes_are_one_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = f2o(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.strip() == sentence


def test_usage_errors_have_no_traceback(capsys):
    code, _, err = f2o(capsys, "eval", "--policy", "x", "--episodes", "0")
    assert code == 2
    assert "argument --episodes: expected 1 or more, got 0" in err
    code, _, err = f2o(capsys, "eval", "--policy", "x", "--seed", "-1")
    assert code == 2
    assert "argument --seed: expected 0 or more, got -1" in err


def test_the_help_of_distill_names_every_method(capsys):
    _, out, _ = f2o(capsys, "distill", "--help")
    students = [name for name, method in METHODS.items() if method.kind == "student"]
    assert all(name in out for name in students)


def test_the_defaults_are_policy_small_yaml():
    from pathlib import Path

    folder = Path(__file__).resolve().parents[3] / "config"
    assert load_config(Config, folder / "policy_small.yaml") == Config()
    paper = load_config(Config, folder / "policy_paper.yaml")
    assert (paper.model.trunk_width, paper.model.unet_widths) == (64, (256, 512, 1024))
    assert paper.model.image_size == 128


def test_waiting_threads_sleep(monkeypatch, capsys):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    f2o(capsys, "sample", "--teacher", "t.pt", "--data", "d", "--out", "x")
    assert cli.os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert torch.get_num_threads() >= 1


def test_other_packages_add_commands(monkeypatch, capsys, tmp_path):
    package = tmp_path / "gripping-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: gripping\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[f2o.commands]\ngrip = gripping:add\n")
    (tmp_path / "gripping.py").write_text(
        "def add(commands):\n"
        "    commands.add_parser('grip').set_defaults(run=lambda a: print('gripped') or 0)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert f2o(capsys, "grip") == (0, "gripped\n", "")
