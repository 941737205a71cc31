"""With lerobot itself, which wants a Python and a torch of its own: F2O_LEROBOT names an interpreter that has it.

python3.12 -m venv lerobot && lerobot/bin/pip install "lerobot[training]"
F2O_LEROBOT=$PWD/lerobot/bin/python pytest src/f2o_policy/test/test_lerobot_itself.py
"""

import dataclasses
import hashlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data.lerobot.export import export_lerobot
from f2o_policy.data.lerobot.load import import_lerobot
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import interpolate
from f2o_policy.training.train import train
from toys import VIEWS, write_dataset

PYTHON = os.environ.get("F2O_LEROBOT", "")
FPS = 125.0

pytestmark = pytest.mark.skipif(not PYTHON, reason="F2O_LEROBOT names no Python with lerobot")


def lerobot(*arguments):
    """Run with_lerobot.py there; its JSON."""
    script = Path(__file__).with_name("with_lerobot.py")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [PYTHON, script, *map(str, arguments)],
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("lerobot")
    data = write_dataset(path / "data", 3)
    export_lerobot(data, path / "lr", FPS, "reach")
    return Dataset(data), path / "lr"


def test_lerobot_loads_our_export(exported):
    data, folder = exported
    seen = lerobot("load", folder)
    assert (seen["episodes"], seen["tasks"]) == (3, ["reach"])
    front = np.ascontiguousarray(data["rgb"][0, VIEWS.index("front")])
    assert seen["front"] == hashlib.sha256(front.tobytes()).hexdigest()
    assert seen["depth_mm"] == data["depth_mm"][0, VIEWS.index("front")].max()
    sent = (data[name][slice(*data.episodes[0].commands)] for name in ("command_stamps", "commands"))
    assert seen["action"] == pytest.approx(interpolate(*sent, data["stamps"][:1])[0].tolist(), abs=1e-6)


def test_a_policy_of_lerobot_learns_from_our_export(exported):
    losses = lerobot("train", exported[1], 40)["losses"]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_we_read_and_train_on_what_lerobot_recorded(tmp_path, tiny_config):
    made = lerobot("record", tmp_path / "recorded")
    report = import_lerobot(tmp_path / "recorded", tmp_path / "data", image_size=32)
    assert (report.converted, report.skipped, report.lacks) == (made["episodes"], [], ("points",))
    data = Dataset(tmp_path / "data", verify=True)
    frame = np.tile(np.arange(made["frames"]), made["episodes"])
    shade = 4 * frame + 100 * np.repeat(np.arange(made["episodes"]), made["frames"])
    assert np.abs(data["rgb"][:, 0].mean((1, 2, 3)) - shade).max() < 3.0
    assert np.abs(data["depth_mm"][:, 0] - (500.0 + 10 * frame)[:, None, None]).max() <= 2.0
    assert data["joints"][:, 0] == pytest.approx(0.01 * frame, abs=1e-6)
    assert data.joint_names == tuple(f"joint{i}" for i in range(1, 8))
    assert [e.meta["task"] for e in data.episodes] == ["task 0", "task 1"]
    model = dataclasses.replace(tiny_config.model, views=1, modalities=("colour", "depth"))
    config = dataclasses.replace(tiny_config, model=model)
    assert train(tmp_path / "data", tmp_path / "teacher", config, progress=False)
    assert load_checkpoint(tmp_path / "teacher").views == ("front",)
