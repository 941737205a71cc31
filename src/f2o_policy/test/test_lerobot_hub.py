"""To the Hugging Face Hub and back: the real huggingface-hub and the real commands; a stand-in for the Hub itself."""

import os
import subprocess
import sys

import pytest
from f2o_policy.data.store import Dataset
from hub_stand_in import hub_stand_in
from toys import write_dataset

from f2o_bringup import cli

REPOSITORY = "lab/stow"


@pytest.fixture
def place(tmp_path):
    write_dataset(tmp_path / "data", 3)
    return tmp_path


@pytest.fixture
def hub():
    with hub_stand_in() as (hub, address):
        hub.address = address
        yield hub


def f2o(place, hub, *arguments):
    """Run the command with the stand-in as the Hub; (status, stdout, the last line of stderr)."""
    env = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(place / "hf"), "HF_TOKEN": "hf_lab"}
    env |= {"HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, cli.__file__, *map(str, arguments)],
        env=env, cwd=place, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, (done.stderr.strip().splitlines() or [""])[-1]


def test_a_data_set_goes_up_with_lerobots_tag_and_comes_down_as_it_was(place, hub):
    to = ("to-lerobot", "data", "--out", "lr", "--fps", 125, "--push", REPOSITORY, "--private")
    status, out, err = f2o(place, hub, *to)
    assert (status, out.splitlines()[-1]) == (0, f"{hub.address}/datasets/{REPOSITORY}: uploaded"), err
    oid, files = hub.commits[REPOSITORY][-1]
    local = {
        str(p.relative_to(place / "lr")): p.read_bytes() for p in (place / "lr").rglob("*") if p.is_file()
    }
    assert {k: v for k, v in files.items() if k != ".gitattributes"} == local
    assert hub.private[REPOSITORY] and hub.tags[REPOSITORY] == {"v3.0": oid}

    source = f"hf://datasets/{REPOSITORY}@v3.0"
    status, out, err = f2o(place, hub, "from-lerobot", source, "--out", "back")
    assert (status, out) == (0, "back: 3 episodes added, 0 present before, 0 skipped\n"), err
    before, back = Dataset(place / "data"), Dataset(place / "back", verify=True)
    assert [e.meta for e in back.episodes] == [e.meta for e in before.episodes]
    for name in ("rgb", "depth_mm", "points", "joints", "stamps"):
        assert (before[name] == back[name]).all(), name
    assert f2o(place, hub, "from-lerobot", source, "--out", "back")[1].startswith(
        "back: 0 episodes added, 3 present"
    )


def test_pushing_again_moves_the_tag(place, hub):
    to = ("to-lerobot", "data", "--fps", 125, "--push", REPOSITORY)
    assert f2o(place, hub, *to, "--out", "one")[0] == 0
    first = hub.tags[REPOSITORY]["v3.0"]
    assert f2o(place, hub, *to, "--out", "two", "--task", "another task")[0] == 0
    assert hub.tags[REPOSITORY]["v3.0"] == hub.commits[REPOSITORY][-1][0] != first


def test_what_the_hub_refuses_is_one_sentence(place, hub):
    source = "hf://datasets/lab/nothing"
    status, _, err = f2o(place, hub, "from-lerobot", source, "--out", "back")
    assert status == 2 and err.startswith("f2o from-lerobot: Hugging Face data set lab/nothing: ")
    hub.refuse = 401
    status, _, err = f2o(place, hub, "to-lerobot", "data", "--out", "lr", "--push", REPOSITORY)
    assert status == 2 and err.startswith(f"f2o to-lerobot: Hugging Face data set {REPOSITORY}: ")
    assert (place / "lr/meta/info.json").is_file()  # what was exported stays
    hub.address = "http://127.0.0.1:9"
    status, _, err = f2o(place, hub, "from-lerobot", source, "--out", "back")
    assert status == 2 and err.startswith("f2o from-lerobot: Hugging Face data set lab/nothing: ")
