"""One file, whole and small; a wrong one is one clear sentence."""

import dataclasses

import pytest
import torch
from f2o_policy.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from f2o_policy.data.windows import WindowConfig
from f2o_policy.errors import CheckpointError
from f2o_policy.model.config import ModelConfig
from f2o_policy.model.network import PolicyNetwork
from toys import JOINTS, TINY, VIEWS, normaliser


def checkpoint_of(kind, config=TINY):
    torch.manual_seed(0)
    return Checkpoint(
        kind=kind, method="cfm" if kind == "teacher" else "imle", method_options={},
        state=PolicyNetwork(config, normaliser(), kind == "teacher").state_dict(), config=dataclasses.asdict(config),
        normaliser=normaliser(), horizon=config.horizon, dt_s=0.05, action_names=(*JOINTS, "gripper_width"),
        views=VIEWS, image_size=config.image_size, points=config.points, workspace=((0.2, 0.8),) * 3, seed=3,
        data_sha256="ab" * 32, versions={"torch": "2"}, metrics={"loss": 0.5},
    )  # fmt: skip


def test_round_trip(tmp_path):
    before = checkpoint_of("student")
    save_checkpoint(tmp_path / "run" / "checkpoint.pt", before, half=False)
    after = load_checkpoint(tmp_path / "run")  # a run folder stands for its checkpoint
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("state", "source_sha256"):
            assert getattr(after, field.name) == getattr(before, field.name), field.name
    assert all(torch.equal(after.state[name], tensor) for name, tensor in before.state.items())
    assert after.model_config == TINY
    assert after.action_size == 8
    assert [p.name for p in (tmp_path / "run").iterdir()] == [
        "checkpoint.pt"
    ]  # no leftover of the atomic write


def test_windows_are_cut_as_in_training_and_an_older_file_says_less(tmp_path):
    base = WindowConfig(horizon=4, validation_fraction=0.5, transition_weight=3.0)
    said = dataclasses.replace(checkpoint_of("teacher"), validation_fraction=0.2, visual_lag_s=(0.0, 0.05))
    save_checkpoint(tmp_path / "new.pt", said)
    window = load_checkpoint(tmp_path / "new.pt").window_config(base)
    assert (window.validation_fraction, window.visual_lag_s) == (0.2, (0.0, 0.05))
    assert (window.horizon, window.dt_s, window.transition_weight) == (TINY.horizon, 0.05, 3.0)
    tree = torch.load(tmp_path / "new.pt", weights_only=True)
    torch.save(
        {k: v for k, v in tree.items() if k not in ("validation_fraction", "visual_lag_s")},
        tmp_path / "old.pt",
    )
    window = load_checkpoint(tmp_path / "old.pt").window_config(base)
    assert (window.validation_fraction, window.visual_lag_s) == (0.5, base.visual_lag_s)


def test_an_older_file_drives_joints_and_an_unknown_action_space_is_refused(tmp_path):
    save_checkpoint(tmp_path / "new.pt", checkpoint_of("student"))
    tree = torch.load(tmp_path / "new.pt", weights_only=True)
    assert tree["action_space"] == "joints"
    torch.save({k: v for k, v in tree.items() if k not in ("action_space", "robot")}, tmp_path / "old.pt")
    old = load_checkpoint(tmp_path / "old.pt")
    assert (old.action_space, old.action_size, old.spec.action_size, old.spec.joint_size) == (
        "joints",
        8,
        8,
        8,
    )
    torch.save(tree | {"action_space": "elbow"}, tmp_path / "odd.pt")
    with pytest.raises(
        CheckpointError, match="expected an action space of joints, tcp, got 'elbow'; update f2o"
    ):
        load_checkpoint(tmp_path / "odd.pt")


def test_half_precision_changes_the_function_by_little(tmp_path):
    before = checkpoint_of("student")
    save_checkpoint(tmp_path / "c.pt", before)
    a, b = (c.build_network() for c in (before, load_checkpoint(tmp_path / "c.pt")))
    x = torch.randn(2, 8, 8), torch.randn(2, TINY.embedding_dim), torch.randn(2, 8)
    assert not a.training
    assert torch.allclose(a.head(*x), b.head(*x), atol=5e-3)


def test_the_small_model_fits_in_the_repository(tmp_path):
    save_checkpoint(tmp_path / "c.pt", checkpoint_of("teacher", ModelConfig()))
    assert (tmp_path / "c.pt").stat().st_size < 12e6


def test_the_method_comes_with_its_options():
    teacher = dataclasses.replace(checkpoint_of("teacher"), method_options={"steps": 7})
    assert teacher.build_method().options.steps == 7


def test_wrong_files_are_named(tmp_path):
    missing = tmp_path / "nothing.pt"
    with pytest.raises(
        CheckpointError, match=rf"checkpoint {missing}: cannot be read \(No such file or directory\)"
    ):
        load_checkpoint(missing)
    text = tmp_path / "text.pt"
    text.write_text("not a model")
    with pytest.raises(CheckpointError, match=r"text\.pt: is not a checkpoint file, or is cut short"):
        load_checkpoint(text)
    other = tmp_path / "other.pt"
    torch.save({"weights": torch.zeros(3)}, other)
    with pytest.raises(CheckpointError, match="not a checkpoint written by f2o train or f2o distill"):
        load_checkpoint(other)
    torch.save({"schema": "f2o_checkpoint/9"}, other)
    with pytest.raises(CheckpointError, match=r"expected schema f2o_checkpoint/1, got 'f2o_checkpoint/9'"):
        load_checkpoint(other)
    torch.save({"schema": "f2o_checkpoint/1", "kind": "student"}, other)
    with pytest.raises(CheckpointError, match=r"other\.pt: has no action_names, config, data_sha256"):
        load_checkpoint(other)


def test_a_cut_file_is_named(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, checkpoint_of("student"))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match="is not a checkpoint file, or is cut short"):
        load_checkpoint(path)
