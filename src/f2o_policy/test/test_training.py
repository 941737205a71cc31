"""Teacher, sets and student end to end on a tiny network: resuming, determinism, what is refused."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data.layout import COMMAND_ARRAYS, DTYPES
from f2o_policy.data.sets import SetShape, SetStore
from f2o_policy.data.shard import Shard
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.errors import CheckpointError, DatasetError, RunError, SetsError, UnknownNameError
from f2o_policy.evaluation.modes import compare_sets, mode_report
from f2o_policy.methods.base import repeat
from f2o_policy.plain_values import checkpoint_file
from f2o_policy.training import loop
from f2o_policy.training.distill import distill
from f2o_policy.training.runs import RunFolder
from f2o_policy.training.sample import blocks, choose, draw_noise, replace_bad, sample
from f2o_policy.training.train import train


class Stop:
    """A Ctrl-C that comes after ``after`` steps."""

    def __init__(self, after):
        self.after = after

    def __call__(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def requested(self):
        self.after -= 1
        return self.after < 0


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, tiny_data, tiny_config):
    out = tmp_path_factory.mktemp("teacher")
    assert train(tiny_data, out, tiny_config, progress=False)
    return out


@pytest.fixture(scope="module")
def sets(tmp_path_factory, teacher, tiny_data, tiny_config):
    out = tmp_path_factory.mktemp("sets")
    assert sample(teacher, tiny_data, out, tiny_config, progress=False)
    return out


@pytest.fixture(scope="module")
def student(tmp_path_factory, teacher, sets, tiny_config):
    out = tmp_path_factory.mktemp("student")
    assert distill(teacher, sets, out, tiny_config, progress=False)
    return out


def losses(run):
    return [(r["step"], r["loss"]) for r in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())]


def test_a_run_folder_says_what_it_was_told_and_what_came_out(teacher, tiny_data):
    names = {p.name for p in teacher.iterdir()}
    assert names == {"config.json", "metrics.jsonl", "summary.json", "curve.png", "checkpoint.pt", "state.pt"}
    summary = json.loads((teacher / "summary.json").read_text())
    assert summary["data_sha256"] == Dataset(tiny_data).sha256
    assert (summary["steps"], summary["seed"]) == (6, 0)
    assert summary["wall_s"] > 0
    assert {"loss", "validation_loss", "gate_entropy"} <= set(summary["metrics"])


def test_a_checkpoint_holds_all_that_its_use_needs(teacher, tiny_data):
    checkpoint = load_checkpoint(teacher)
    assert (checkpoint.kind, checkpoint.method, checkpoint.horizon, checkpoint.dt_s) == (
        "teacher",
        "cfm",
        8,
        0.1,
    )
    assert checkpoint.action_names[-1] == "gripper_width"
    assert checkpoint.views == ("wrist", "front")
    assert checkpoint.data_sha256 == Dataset(tiny_data).sha256
    assert np.shape(checkpoint.workspace) == (3, 2)


def test_an_interrupted_run_repeats_an_uninterrupted_one(
    teacher, tmp_path, tiny_data, tiny_config, monkeypatch
):
    monkeypatch.setattr(loop, "StopSignal", Stop(after=3))
    assert not train(tiny_data, tmp_path, tiny_config, progress=False)
    assert losses(tmp_path)[-1][0] < 6
    monkeypatch.undo()
    assert train(tiny_data, tmp_path, tiny_config, progress=False)
    assert losses(tmp_path) == losses(teacher)
    a, b = (load_checkpoint(run).state for run in (teacher, tmp_path))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_is_not_continued_with_other_settings(teacher, tiny_data, tiny_config):
    other = dataclasses.replace(tiny_config, seed=1)
    with pytest.raises(RunError, match=r"was started with other settings \(config\.seed: was 0, now 1\)"):
        train(tiny_data, teacher, other, progress=False)
    assert RunFolder(teacher, json.loads((teacher / "config.json").read_text())).path == teacher


def test_a_damaged_state_is_named(teacher, tmp_path, tiny_data, tiny_config):
    (tmp_path / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(RunError, match=r"state\.pt: is damaged or of another network; delete the folder"):
        train(tiny_data, tmp_path, tiny_config, progress=False)


def test_data_that_does_not_fit_the_model_is_refused(tmp_path, tiny_data, tiny_config):
    other = dataclasses.replace(tiny_config, model=dataclasses.replace(tiny_config.model, views=3, points=64))
    with pytest.raises(
        DatasetError, match=r"has 2 views, model\.views is 3; has 32 points .* model\.points is 64"
    ):
        train(tiny_data, tmp_path, other, progress=False)


def test_a_student_method_cannot_train_a_teacher(tmp_path, tiny_data, tiny_config):
    other = dataclasses.replace(tiny_config, teacher=dataclasses.replace(tiny_config.teacher, method="imle"))
    with pytest.raises(UnknownNameError, match="unknown teacher method 'imle', expected one of: cfm"):
        train(tiny_data, tmp_path, other, progress=False)


def test_sets_hold_the_noise_they_came_from(sets, teacher):
    store, checkpoint = SetStore.open(sets), load_checkpoint(teacher)
    network, method = checkpoint.build_network(), checkpoint.build_method()
    noise = torch.from_numpy(store["noise"][2].astype(np.float32))
    embedding, proprio = (
        torch.from_numpy(store[n][2:3].copy()).expand(4, -1) for n in ("embedding", "proprio")
    )
    with torch.inference_mode():
        again = method.sample(network.head, noise, embedding, proprio).clamp(-1.05, 1.05)
    assert np.abs(again.numpy() - store["trajectories"][2]).max() < 2e-3  # stored as float16


def test_identical_seeds_give_identical_sets_wherever_they_were_interrupted(
    sets, teacher, tmp_path, tiny_data, tiny_config, monkeypatch
):
    monkeypatch.setattr("f2o_policy.training.sample.StopSignal", Stop(after=1))
    assert not sample(teacher, tiny_data, tmp_path, tiny_config, progress=False)
    with pytest.raises(SetsError, match="only 5 of 12 observations are done; run f2o sample again"):
        SetStore.open(tmp_path)
    monkeypatch.undo()
    assert sample(teacher, tiny_data, tmp_path, tiny_config, progress=False)
    for name in ("trajectories", "noise", "embedding", "proprio", "observation", "training"):
        assert (sets / f"{name}.npy").read_bytes() == (tmp_path / f"{name}.npy").read_bytes(), name


def test_a_finished_run_that_is_run_again_stays_what_it_was(teacher, student, sets, tiny_data, tiny_config):
    before = [checkpoint_file(run).read_bytes() for run in (teacher, student)]
    assert train(tiny_data, teacher, tiny_config, progress=False)
    assert sample(teacher, tiny_data, sets, tiny_config, progress=False)  # else: sets of another teacher
    assert distill(teacher, sets, student, tiny_config, progress=False)
    assert [checkpoint_file(run).read_bytes() for run in (teacher, student)] == before


def test_sampling_holds_out_the_episodes_that_the_teacher_held_out(
    sets, teacher, tiny_data, tmp_path, tiny_config
):
    other = dataclasses.replace(tiny_config.window, validation_fraction=0.5, visual_lag_s=(0.0, 0.0))
    told = dataclasses.replace(tiny_config, window=other)
    assert sample(teacher, tiny_data, tmp_path, told, progress=False)
    for name in ("observation", "training", "proprio"):
        assert (sets / f"{name}.npy").read_bytes() == (tmp_path / f"{name}.npy").read_bytes(), name


def test_sets_are_begun_and_continued_with_one_setting(sets, teacher, tiny_data, tiny_config):
    other = dataclasses.replace(tiny_config, seed=9)
    with pytest.raises(SetsError, match="were begun with another seed; use another folder"):
        sample(teacher, tiny_data, sets, other, progress=False)


def test_sampling_refuses_a_student(student, tiny_data, tmp_path, tiny_config):
    with pytest.raises(CheckpointError, match=r"expected a teacher, got a student \(imle\)"):
        sample(student, tiny_data, tmp_path, tiny_config, progress=False)


def test_sampling_refuses_other_data(teacher, tmp_path, tiny_config):
    from toys import write_dataset

    other = write_dataset(tmp_path / "other", episodes=4, seed=99)
    with pytest.raises(
        CheckpointError, match=rf"was trained on other data than {other} .*--other-data allows it"
    ):
        sample(teacher, other, tmp_path / "sets", tiny_config, progress=False)
    assert sample(teacher, other, tmp_path / "sets", tiny_config, progress=False, other_data=True)
    manifest = SetStore.open(tmp_path / "sets").manifest
    assert manifest["data_sha256"] == Dataset(other).sha256 != load_checkpoint(teacher).data_sha256
    assert distill(teacher, tmp_path / "sets", tmp_path / "student", tiny_config, progress=False)


def test_neither_sets_nor_an_encoder_come_from_other_cameras(teacher, tmp_path, tiny_data, tiny_config):
    other, data = tmp_path / "other", Dataset(tiny_data)
    with DatasetWriter(other) as writer:
        seen, sent = (slice(*getattr(data.episodes[0], kind)) for kind in ("observations", "commands"))
        rows = {name: data[name][sent if name in COMMAND_ARRAYS else seen] for name in DTYPES}
        writer.add_rows(rows, ("wrist", "side"), data.joint_names, {})
        writer.add_rows(rows, ("wrist", "side"), data.joint_names, {})
    sentence = rf"sees wrist, front of 32 px; {other} has wrist, side of 32 px"
    with pytest.raises(CheckpointError, match=sentence):
        sample(teacher, other, tmp_path / "sets", tiny_config, progress=False, other_data=True)
    with pytest.raises(CheckpointError, match=sentence):
        train(other, tmp_path / "run", tiny_config, progress=False, encoder=teacher)


def test_a_student_can_begin_where_another_ended(student, teacher, sets, tmp_path, tiny_config):
    none = dataclasses.replace(tiny_config.student, steps=1, warmup_steps=1, learning_rate=1e-12)
    still = dataclasses.replace(tiny_config, student=none)
    assert distill(teacher, sets, tmp_path, still, progress=False, init=student)
    old, new = load_checkpoint(student).state, load_checkpoint(tmp_path).state
    assert all(torch.allclose(old[name].float(), new[name].float(), atol=1e-3) for name in old)
    assert not torch.allclose(
        load_checkpoint(teacher).state["unet.out.weight"].float(), new["unet.out.weight"].float(), atol=1e-3
    )


def test_the_student_keeps_the_encoder_and_changes_the_head(student, teacher):
    old, new = load_checkpoint(teacher).state, load_checkpoint(student).state
    assert not any(".step." in name for name in new)
    frozen = [name for name in new if name.startswith(("visual.", "point."))]
    assert all(torch.equal(old[name], new[name]) for name in frozen)
    assert not torch.equal(old["unet.out.weight"], new["unet.out.weight"])


def test_distillation_logs_both_terms(student):
    metrics = json.loads((student / "summary.json").read_text())["metrics"]
    wanted = {"coverage", "fidelity", "teacher_hit", "student_used", "spread_ratio"}
    assert wanted | {f"validation_{k}" for k in wanted} <= set(metrics)


def test_distillation_refuses_sets_of_another_teacher(student, sets, tmp_path, tiny_config):
    with pytest.raises(SetsError, match=r"were sampled from another teacher than .*; run f2o sample again"):
        distill(student, sets, tmp_path, tiny_config, progress=False)


def test_mse_distillation_runs_on_the_same_sets(teacher, sets, tmp_path, tiny_config):
    other = dataclasses.replace(tiny_config, student=dataclasses.replace(tiny_config.student, method="mse"))
    assert distill(teacher, sets, tmp_path, other, progress=False)
    assert load_checkpoint(checkpoint_file(tmp_path)).method == "mse"


def test_mode_report_on_held_out_observations(student, teacher, tiny_data):
    report = mode_report(student, teacher, tiny_data, observations=3, count=4)
    assert set(report) >= {"coverage_ratio", "fidelity_ratio", "spread_ratio", "floor"}
    assert all(np.isfinite(value) for value in report.values())
    with pytest.raises(CheckpointError, match="expected a teacher, got a student"):
        mode_report(student, student, tiny_data)


def test_a_collapsed_student_shows_in_the_report():
    torch.manual_seed(0)
    teacher, again = torch.randn(2, 3, 16, 4, 8)
    mean = teacher.mean(1, keepdim=True).expand_as(teacher)
    good, bad = (compare_sets(teacher, again, s, torch.ones(8)) for s in (torch.randn(3, 16, 4, 8), mean))
    assert good["spread_ratio"] == pytest.approx(1.0, abs=0.1)
    assert good["coverage_ratio"] == pytest.approx(1.0, abs=0.1)
    assert bad["spread_ratio"] < 0.01
    assert bad["teacher_hit"] == pytest.approx(1 / 16)


def numbered(chunks):
    """A noise for each trajectory of ``chunks`` (B,K,H,D) that says which it is of."""
    b, k = chunks.shape[:2]
    return torch.arange(1.0, b * k + 1).reshape(b, k, 1, 1).expand_as(chunks)


def test_bad_trajectories_are_replaced_and_counted():
    good = torch.zeros(3, 4, 8, 8)
    chunks = good.clone()
    chunks[0, 1, 3, 0] = float("nan")
    chunks[1, 0, :, 2] = 1.5  # outside of the range
    chunks[1, 2, 4:, 1] = 0.9  # a jump
    chunks[2] = float("inf")
    checked = replace_bad(chunks, numbered(chunks), jump_limit=0.5, range_limit=1.1)
    assert checked.bad.tolist() == [1, 2, 4]
    assert checked.usable.tolist() == [True, True, False]
    assert torch.equal(checked.chunks[:2], good[:2])


def test_a_trajectory_that_replaces_a_bad_one_brings_its_own_noise():
    """Each trajectory of this made teacher is a hundredth of its noise: whatever replaces one, the pairs must hold."""
    noise = numbered(torch.zeros(2, 4, 8, 8))
    chunks = noise / 100
    chunks[0, 0, 2, 1] = float("nan")
    chunks[0, 2] = 9.0
    chunks[1, 3] = float("-inf")
    checked = replace_bad(chunks, noise, jump_limit=0.5, range_limit=1.1)
    assert torch.equal(checked.chunks, checked.noise / 100)
    assert checked.noise[:, :, 0, 0].tolist() == [[2, 2, 2, 4], [5, 6, 7, 5]]


def test_sets_on_disk_hold_pairs(teacher, tiny_data, tiny_config, tmp_path, monkeypatch):
    """From the noise that is stored the teacher integrates the trajectory that is stored, replaced or not."""
    sample(teacher, tiny_data, tmp_path / "all", tiny_config, progress=False)
    arm = SetStore.open(tmp_path / "all")["trajectories"][..., :-1].astype(np.float32)
    median = float(np.median(np.abs(np.diff(arm, axis=2)).max((2, 3))))
    monkeypatch.setattr("f2o_policy.training.sample.jump_limit", lambda *_: median)  # half of them jump
    sample(teacher, tiny_data, tmp_path / "half", tiny_config, progress=False)
    store = SetStore.open(tmp_path / "half")
    rows = np.flatnonzero(store["usable"] & (store["bad"] > 0))
    assert len(rows), "no trajectory was replaced: nothing is tested"
    checkpoint = load_checkpoint(teacher)
    method, network = checkpoint.build_method(), checkpoint.build_network()
    noise, embedding, kept = (
        torch.from_numpy(store[name][rows].astype(np.float32))
        for name in ("noise", "embedding", "trajectories")
    )
    proprio = torch.from_numpy(store["proprio"][rows])
    k = noise.shape[1]
    with torch.inference_mode():
        again = method.sample(
            network.head, noise.flatten(0, 1), repeat(embedding, k), repeat(proprio, k)
        ).unflatten(0, (-1, k))
    torch.testing.assert_close(kept, again.clamp(-1.05, 1.05), atol=2e-3, rtol=1e-3)


def test_sets_of_other_code_are_not_continued(teacher, tiny_data, tiny_config, tmp_path, monkeypatch):
    sample(teacher, tiny_data, tmp_path / "sets", tiny_config, progress=False)
    monkeypatch.setattr("f2o_policy.training.sample.learning_code", lambda: "e" * 64)
    with pytest.raises(
        SetsError, match=r"sets: was begun with other code \(sha256 \w{12}, now eeeeeeeeeeee\)"
    ):
        sample(teacher, tiny_data, tmp_path / "sets", tiny_config, progress=False)


def test_a_run_of_other_code_is_not_continued(teacher, tiny_data, tiny_config, monkeypatch):
    monkeypatch.setattr("f2o_policy.training.runs.learning_code", lambda: "e" * 64)
    before = (teacher / "config.json").read_bytes()
    with pytest.raises(RunError, match=r"was begun with other code \(sha256 \w{12}, now eeeeeeeeeeee\)"):
        train(tiny_data, teacher, tiny_config, progress=False)
    assert (teacher / "config.json").read_bytes() == before


def test_a_run_names_its_seed_configuration_data_and_code(teacher, tiny_data):
    said = json.loads((teacher / "summary.json").read_text())
    assert {"seed", "config", "data_sha256"} < set(said)
    assert said["data_sha256"] == Dataset(tiny_data).sha256
    code = said["versions"]["code_sha256"]
    assert len(code) == 64
    assert code == load_checkpoint(teacher).versions["code_sha256"]
    assert code == json.loads((teacher / "config.json").read_text())["code_sha256"]


def test_the_gripper_may_jump():
    chunks = torch.zeros(1, 2, 8, 8)
    chunks[:, :, 4:, -1] = 1.0
    assert replace_bad(chunks, numbered(chunks), jump_limit=0.5, range_limit=1.1).bad.tolist() == [0]


def test_observations_are_chosen_evenly_from_both_splits():
    chosen, training = choose(np.arange(90), np.arange(90, 100), 20)
    assert chosen[training].tolist() == list(range(0, 90, 5))
    assert chosen[~training].tolist() == [90, 95]


def test_rounding_may_choose_one_observation_more():
    assert [len(choose(np.arange(5), np.arange(5), limit)[0]) for limit in (2, 3, 20)] == [2, 4, 10]


def test_ranks_divide_the_blocks():
    assert [b.tolist() for b in blocks(11, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert [b.tolist() for b in blocks(11, 4, Shard(1, 2))] == [[4, 5, 6, 7]]


def test_noise_depends_on_seed_and_observation_alone():
    shape = SetShape(n=1, k=2, h=3, d=4, e=5)
    assert torch.equal(draw_noise(1, 7, shape), draw_noise(1, 7, shape))
    assert not torch.equal(draw_noise(1, 7, shape), draw_noise(1, 8, shape))
    assert not torch.equal(draw_noise(1, 7, shape), draw_noise(2, 7, shape))


def test_a_frozen_encoder_is_kept_and_its_embeddings_are_used_again(
    teacher, tiny_data, tiny_config, tmp_path
):
    longer = dataclasses.replace(
        tiny_config,
        model=dataclasses.replace(tiny_config.model, horizon=4),
        window=dataclasses.replace(tiny_config.window, horizon=4),
    )
    assert train(tiny_data, tmp_path / "head", longer, progress=False, encoder=teacher)
    old, new = load_checkpoint(teacher), load_checkpoint(tmp_path / "head")
    assert new.horizon == 4
    frozen = [name for name in new.state if name.startswith(("visual.", "point."))]
    assert all(torch.equal(old.state[name], new.state[name]) for name in frozen)
    kept = list(teacher.glob("embeddings_*.npy"))
    assert len(kept) == 1
    row = np.load(kept[0])[3]
    data = Dataset(tiny_data)
    images = (data["rgb"][3:4].copy(), data["depth_mm"][3:4].astype(np.float32))
    points = data["points"][3:4, ::2].astype(np.float32)
    with torch.inference_mode():
        expected = old.build_network().embed(*(torch.from_numpy(x) for x in (*images, points)))[0]
    assert row == pytest.approx(expected.numpy(), abs=1e-5)


def test_embeddings_of_other_settings_are_computed_anew(teacher, tiny_data, tiny_config, tmp_path):
    from f2o_policy.model.network import PolicyNetwork
    from f2o_policy.training.encoders import embeddings
    from f2o_policy.training.optimise import Precision

    file = tmp_path / "checkpoint.pt"
    file.write_bytes(checkpoint_file(teacher).read_bytes())
    checkpoint, data, found = load_checkpoint(file), Dataset(tiny_data), []
    for points, precision in ((16, "float32"), (8, "float32"), (16, "bfloat16"), (16, "float32")):
        model = dataclasses.replace(checkpoint.model_config, points=points)
        network = PolicyNetwork(model, checkpoint.normaliser, timed=True)
        network.load_state_dict({name: tensor.float() for name, tensor in checkpoint.state.items()})
        how = Precision(dataclasses.replace(tiny_config, precision=precision))
        found.append(np.array(embeddings(file, network, data, how)))
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert np.array_equal(found[0], found[3])
    assert len(list(tmp_path.glob("embeddings_*.npy"))) == 3


def test_trunks_alone_can_be_kept(teacher, tiny_data, tiny_config, tmp_path):
    other = dataclasses.replace(tiny_config, model=dataclasses.replace(tiny_config.model, fusion="concat"))
    assert train(tiny_data, tmp_path / "run", other, progress=False, encoder=teacher, keep="trunks")
    old, new = load_checkpoint(teacher).state, load_checkpoint(tmp_path / "run").state
    assert torch.equal(old["visual.colour.stem.0.weight"], new["visual.colour.stem.0.weight"])
    assert not torch.equal(old["visual.fusion.pool_colour.queries"], new["visual.fusion.pool_colour.queries"])


def test_weights_of_another_size_are_one_sentence(teacher, tiny_data, tiny_config, tmp_path):
    other = dataclasses.replace(tiny_config, model=dataclasses.replace(tiny_config.model, visual_dim=32))
    with pytest.raises(CheckpointError, match=r"visual\.\S+ is of shape .*, this network has .*must agree"):
        train(tiny_data, tmp_path / "a", other, progress=False, init=teacher)
    with pytest.raises(
        UnknownNameError, match="unknown part to keep 'head', expected one of: encoder, trunks"
    ):
        train(tiny_data, tmp_path / "b", tiny_config, progress=False, encoder=teacher, keep="head")


def test_a_start_that_may_know_the_held_out_episodes_is_told_of(
    teacher, tiny_data, tiny_config, tmp_path, capsys
):
    from toys import write_dataset

    grown = write_dataset(tmp_path / "grown", episodes=5)
    one = dataclasses.replace(tiny_config, teacher=dataclasses.replace(tiny_config.teacher, steps=1))
    assert train(tiny_data, tmp_path / "same", one, progress=False, init=teacher)
    assert "warning" not in capsys.readouterr().err
    assert train(grown, tmp_path / "more", one, progress=False, init=teacher)
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line.startswith("f2o train: warning: --init was trained on other data") for line in lines] == [
        True
    ]


@pytest.mark.parametrize("option", ["init", "encoder"])
def test_a_start_that_is_not_there_is_one_sentence(option, teacher, sets, tiny_data, tmp_path, tiny_config):
    missing = tmp_path / "missing.pt"
    sentence = r"missing\.pt: cannot be read \(No such file or directory\)"
    with pytest.raises(CheckpointError, match=sentence):
        train(tiny_data, tmp_path / "run", tiny_config, progress=False, **{option: missing})
    with pytest.raises(CheckpointError, match=sentence):
        distill(teacher, sets, tmp_path / "run", tiny_config, progress=False, init=missing)
    assert not (tmp_path / "run").exists()  # else another --init would be refused there


def test_a_prefix_conditioned_student_is_validated_on_as_many_trajectories_as_it_learns(
    sets, teacher, tmp_path, tiny_config
):
    from f2o_policy.methods.prefix import PrefixOptions

    stage = dataclasses.replace(tiny_config.student, method="prefix")
    fewer = dataclasses.replace(
        tiny_config,
        student=stage,
        sets=dataclasses.replace(tiny_config.sets, used=2),
        prefix=PrefixOptions(hypotheses=2, prefix=4),
    )
    assert distill(teacher, sets, tmp_path, fewer, progress=False)


def test_distillation_uses_as_many_trajectories_as_configured(sets, teacher, tmp_path, tiny_config):
    from f2o_policy.training.distill import load_sets
    from f2o_policy.training.optimise import Precision

    store = SetStore.open(sets)
    batch = load_sets(store, np.array([0, 3]), Precision(tiny_config), used=2)
    assert batch.targets.shape[:2] == (2, 2)
    fewer = dataclasses.replace(tiny_config, sets=dataclasses.replace(tiny_config.sets, used=2))
    assert distill(teacher, sets, tmp_path, fewer, progress=False)


def test_a_policy_with_history_is_trained_sampled_and_distilled(tiny_data, tiny_config, tmp_path):
    config = dataclasses.replace(
        tiny_config,
        model=dataclasses.replace(tiny_config.model, history=2),
        window=dataclasses.replace(tiny_config.window, history=2, history_dt_s=0.05),
    )
    assert train(tiny_data, tmp_path / "t", config, progress=False)
    assert load_checkpoint(tmp_path / "t").history_dt_s == 0.05
    assert sample(tmp_path / "t", tiny_data, tmp_path / "s", config, progress=False)
    assert SetStore.open(tmp_path / "s")["proprio"].shape == (12, 16)
    assert distill(tmp_path / "t", tmp_path / "s", tmp_path / "d", config, progress=False)
    assert load_checkpoint(tmp_path / "d").history == 2


def test_windows_with_a_transition_are_drawn_more_often(tmp_path):
    from f2o_policy.data.store import DatasetWriter
    from f2o_policy.data.windows import WindowConfig, Windows
    from toys import episode

    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path) as writer:
        seen, stamps, commands = episode(rng, observations=20)
        commands[:, 7] = np.where(np.arange(len(commands)) < 60, 0.08, 0.0)
        writer.add_episode(seen, stamps, commands, {})
    windows = Windows(Dataset(tmp_path), WindowConfig(horizon=3, dt_s=0.05, transition_weight=3.0))
    rows = np.arange(20)
    moves = windows.transitions(rows)
    assert 0 < moves.sum() < 10
    chance = windows.chances(rows)
    assert chance[moves] == pytest.approx(3 * chance[~moves][0])
    assert chance.sum() == pytest.approx(1.0)


def test_weights_of_another_robot_are_refused(teacher, tmp_path, tiny_config, monkeypatch):
    import toys

    monkeypatch.setattr(toys, "JOINTS", tuple(f"axis{i}" for i in range(1, 8)))
    other = toys.write_dataset(tmp_path / "other")
    with pytest.raises(CheckpointError, match=r"drives joint1, .*; .*other has axis1, "):
        train(other, tmp_path / "run", tiny_config, progress=False, init=teacher)
