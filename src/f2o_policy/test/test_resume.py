"""Training as real processes: killed and continued, two in the place of one, and a disk that is full."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import yaml
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data import files
from f2o_policy.data.sets import SetStore
from f2o_policy.errors import FullDiskError, PolicyError
from f2o_policy.training.process_group import ProcessGroup
from f2o_policy.training.sample import check_space

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def config_file(tmp_path_factory, tiny_config):
    """Enough steps to be killed in their middle; no modality dropout, the only random thing drawn per process."""
    stage = dataclasses.replace(tiny_config.teacher, steps=60, log_every=1, save_every=5)
    config = dataclasses.replace(
        tiny_config, model=dataclasses.replace(tiny_config.model, modality_dropout=0.0), teacher=stage
    )
    file = tmp_path_factory.mktemp("config") / "tiny.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(dataclasses.asdict(config)))))
    return file


def command(what, config_file, out, *more, launcher=()):
    arguments = [what, "--config", str(config_file), "--out", str(out), *map(str, more)]
    return [sys.executable, *launcher, "-m", "f2o_bringup.cli", *arguments]


def start(arguments):
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process):
    output = process.communicate(timeout=240)[0]
    assert process.returncode == 0, output
    return output


def losses(run):
    return {r["step"]: r["loss"] for r in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())}


@pytest.fixture(scope="module")
def one(tmp_path_factory, config_file, tiny_data):
    """An uninterrupted run in one process."""
    out = tmp_path_factory.mktemp("one") / "run"
    finish(start(command("train", config_file, out, "--data", tiny_data)))
    return out


def test_killed_at_any_moment_the_same_command_ends_with_the_same_losses(
    one, tmp_path, config_file, tiny_data
):
    out = tmp_path / "run"
    arguments = command("train", config_file, out, "--data", tiny_data)
    for kill_after_step in (7, 23):
        process = start(arguments)
        deadline = time.monotonic() + 120
        while not (out / "metrics.jsonl").exists() or max(losses_so_far(out), default=0) < kill_after_step:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, f"no step {kill_after_step} within two minutes"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(arguments))
    assert losses(out) == losses(one)
    a, b = (load_checkpoint(run).state for run in (one, out))
    assert all(torch.equal(a[name], b[name]) for name in a)


def losses_so_far(run):
    whole = [
        line for line in (run / "metrics.jsonl").read_text().splitlines(keepends=True) if line.endswith("\n")
    ]
    return [json.loads(line)["step"] for line in whole]


def test_two_processes_have_the_losses_of_one(one, tmp_path, config_file, tiny_data):
    out = tmp_path / "run"
    finish(start(command("train", config_file, out, "--data", tiny_data, launcher=TORCHRUN)))
    alone, together = losses(one), losses(out)
    assert alone.keys() == together.keys()
    steps = sorted(alone)
    assert [together[s] for s in steps] == pytest.approx([alone[s] for s in steps], rel=1e-3)
    assert json.loads((out / "summary.json").read_text())["processes"] == 2


def test_two_processes_sample_the_sets_of_one(one, tmp_path, config_file, tiny_data):
    stores = []
    for name, launcher in (("one", ()), ("two", TORCHRUN)):
        more = ("--teacher", one, "--data", tiny_data)
        output = finish(start(command("sample", config_file, tmp_path / name, *more, launcher=launcher)))
        assert "trajectories/s: about" in output  # the prediction, before it starts
        stores.append(SetStore.open(tmp_path / name))
    for name in ("noise", "observation", "proprio"):
        assert np.array_equal(stores[0][name], stores[1][name]), name
    assert np.abs(stores[0]["trajectories"] - stores[1]["trajectories"]).max() < 5e-3


def test_two_processes_distil_as_one(one, tmp_path, config_file, tiny_data):
    finish(start(command("sample", config_file, tmp_path / "sets", "--teacher", one, "--data", tiny_data)))
    runs = []
    for name, launcher in (("one", ()), ("two", TORCHRUN)):
        more = ("--teacher", one, "--sets", tmp_path / "sets")
        finish(start(command("distill", config_file, tmp_path / name, *more, launcher=launcher)))
        runs.append(losses(tmp_path / name))
    assert list(runs[1].values()) == pytest.approx(list(runs[0].values()), rel=1e-3)


def test_a_batch_that_the_processes_cannot_share_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(PolicyError, match=r"teacher\.batch: expected a multiple of the 3 processes, got 32"):
        ProcessGroup().check_divides("teacher.batch", 32)


def test_a_full_disk_is_one_sentence_and_spoils_nothing(tmp_path):
    file = tmp_path / "state.pt"
    file.write_text("old")

    def write(part):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(
        FullDiskError,
        match=r"state\.pt cannot be written \(No space left on device\); earlier files are intact",
    ):
        files.write_file(file, write)
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_torch_saving_to_a_full_device_is_the_same_sentence(tmp_path):
    (tmp_path / "state.pt.part").symlink_to("/dev/full")
    with pytest.raises(FullDiskError, match=r"state\.pt cannot be written"):
        files.write_file(tmp_path / "state.pt", lambda part: torch.save({"x": torch.zeros(1 << 20)}, part))


def test_sets_that_do_not_fit_on_the_disk_are_not_begun(tmp_path, monkeypatch):
    from f2o_policy.data.sets import SetShape
    from f2o_policy.errors import SetsError

    shape = SetShape(n=10**9, k=16, h=32, d=8, e=320)
    with pytest.raises(SetsError, match=r"need \d+ MB, \d+ MB are free"):
        check_space(tmp_path, shape)
