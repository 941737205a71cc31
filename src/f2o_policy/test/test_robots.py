"""Which arm a policy can drive: by kinematics and joint ranges, never by its driver's names."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toys
from f2o_nodekit.robot import canonical, read_robot
from f2o_nodekit.urdf import PANDA_URDF, wheel_file
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data.arm import tool_positions, tools_apart_m
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.errors import CheckpointError, DatasetError, MismatchError
from f2o_policy.launch_check import mismatches
from f2o_policy.plain_values import read_values
from f2o_policy.robots import check_arm, check_robot
from f2o_policy.runtime.load import read_spec
from f2o_policy.training.checks import check_robot as check_weights

PANDA, FR3 = read_robot("panda"), read_robot("fr3")
STUDENT = Path(__file__).resolve().parents[3] / "checkpoints/reach_around/student.pt"
NAMES = (*PANDA.canonical_names, "gripper_width")


@pytest.fixture
def longer(tmp_path):
    """An FR3 whose tool is 3 cm longer."""
    text = wheel_file(PANDA_URDF).read_text().replace("panda_", "fr3_")
    (tmp_path / "longer.urdf").write_text(text.replace('xyz="0 0 0.1034"', 'xyz="0 0 0.1334"'))
    return replace(FR3, name="longer", urdf=str(tmp_path / "longer.urdf"))


def test_every_franka_is_the_same_arm_and_a_longer_tool_is_another(longer):
    tools = tool_positions(PANDA)
    assert tools == tool_positions(FR3) == tool_positions(read_robot("fr3v2"))
    assert tools_apart_m(tools, tool_positions(longer)) == pytest.approx(0.03, abs=1e-4)
    assert tools_apart_m(None, tools) == 0.0  # not known: nothing to refuse
    six = {key: getattr(PANDA, key)[:6] for key in ("joint_names", "home", "position_min", "position_max")}
    assert tool_positions(replace(PANDA, gains=None, **six)) is None


def test_a_policy_runs_on_every_arm_of_its_kinematics(longer):
    limits, tools = toys.normaliser(), tool_positions(PANDA)
    inside = replace(limits, action=replace(limits.action, low=(0.6,) * 8, high=(0.7,) * 8))
    wide = replace(FR3, position_min=(-3.0,) * 7, position_max=(3.0,) * 7)
    check_arm("student.pt", NAMES, inside, tools, wide)
    with pytest.raises(MismatchError) as error:
        check_arm("student.pt", NAMES, inside, tools, longer)
    assert str(error.value) == (
        "student.pt: was trained on an arm whose tool is up to 30 mm away from where longer's is with the same "
        "joints, expected at most 2 mm"
    )
    with pytest.raises(MismatchError, match=r"student.pt: drives a, b; fr3 has joint1, .*, gripper_width"):
        check_arm("student.pt", ("a", "b"), inside, tools, FR3)


def test_demonstrations_beyond_an_arms_joints_are_refused():
    """A Panda's elbow stretches to -0.07 rad, a Research 3's to -0.15."""
    limits = toys.normaliser()
    low = (0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0)
    high = (0.0, 0.0, 0.0, -0.08, 0.0, 1.0, 0.0, 0.08)
    stretched = replace(limits, action=replace(limits.action, low=low, high=high))
    check_arm("student.pt", NAMES, stretched, None, PANDA)
    with pytest.raises(MismatchError) as error:
        check_arm("student.pt", NAMES, stretched, None, FR3)
    assert str(error.value) == (
        "student.pt: its demonstrations have joint4 from -1.00 to -0.08 rad; fr3's goes from -3.04 to -0.15 rad"
    )


@pytest.mark.skipif(
    not STUDENT.is_file(), reason="the tests run outside the workspace: no checkpoints/ folder"
)
def test_a_data_set_keeps_which_arm_it_is_of_and_takes_no_other(tmp_path, longer):
    episode = toys.episode(np.random.default_rng(0))
    with DatasetWriter(tmp_path / "data", tool_positions(FR3)) as writer:
        writer.add_episode(*episode, {})
    with DatasetWriter(tmp_path / "data", tool_positions(PANDA)) as writer:  # the same arm under another name
        writer.add_episode(*episode, {})
    writer = DatasetWriter(tmp_path / "data", tool_positions(longer))
    with pytest.raises(DatasetError, match="of another arm: with the same joints the tool is 30 mm away"):
        writer.add_episode(*episode, {})
    writer.close()
    data = Dataset(tmp_path / "data")
    assert (len(data.episodes), data.tool_m) == (2, tool_positions(PANDA))
    other = replace(load_checkpoint(STUDENT), tool_m=tool_positions(longer))
    with pytest.raises(
        CheckpointError, match=r"teacher.pt: is of another arm than .*data: .* tools are 30 mm apart"
    ):
        check_weights(other, "teacher.pt", data)


def test_what_was_written_with_a_drivers_names_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(toys, "JOINTS", FR3.joint_names)
    assert Dataset(toys.write_dataset(tmp_path / "data", episodes=2)).joint_names == FR3.canonical_names


@pytest.mark.skipif(
    not STUDENT.is_file(), reason="the tests run outside the workspace: no checkpoints/ folder"
)
def test_the_launch_reads_a_checkpoint_without_torch(tmp_path):
    """The same values as torch reads, and the same judgement as the policy node's."""
    values, whole = read_values(STUDENT), load_checkpoint(STUDENT)
    assert canonical(values["action_names"]) == whole.action_names == NAMES
    assert values["normaliser"] == whole.normaliser.to_dict()
    assert all(tensor is None for tensor in values["state"].values())
    stiff = replace(FR3, name="stiff", position_min=(-0.1,) * 7)
    with pytest.raises(MismatchError) as error:
        check_robot(read_spec(STUDENT), STUDENT, stiff)
    (tmp_path / "run").mkdir()
    shutil.copy(STUDENT, tmp_path / "run/checkpoint.pt")
    for path in (STUDENT, tmp_path / "run"):
        assert mismatches(launch(path, PANDA)) == mismatches(launch(path, FR3)) == []
    assert mismatches(launch(STUDENT, stiff)) == [f"checkpoint: {error.value}"]


def launch(path, robot=PANDA, nodes=("policy_node",)):
    return SimpleNamespace(values={"checkpoint": str(path)}, nodes=nodes, robot=robot)


def test_what_is_no_checkpoint_is_one_sentence(tmp_path):
    assert mismatches(launch(tmp_path / "none.pt", nodes=("bridge_node",))) == []
    (tmp_path / "text.pt").write_text("weights")
    assert mismatches(launch(tmp_path / "text.pt")) == [
        f"checkpoint: checkpoint {tmp_path}/text.pt: is not a checkpoint file, or is cut short"
    ]
    assert mismatches(launch(tmp_path / "none.pt")) == [
        f"checkpoint: checkpoint {tmp_path}/none.pt: cannot be read (No such file or directory)"
    ]
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    assert mismatches(launch(tmp_path / "other.pt")) == [
        f"checkpoint: checkpoint {tmp_path}/other.pt: is a torch file, but not a checkpoint"
    ]


def test_a_checkpoint_that_wants_to_run_code_runs_none(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"schema": Evil()}, tmp_path / "evil.pt")
    assert read_values(tmp_path / "evil.pt") == {"schema": None}
    assert not (tmp_path / "ran").exists()


WITHOUT_PINOCCHIO = """
import sys
from dataclasses import replace
from pathlib import Path
from f2o_nodekit.robot import read_robot
from f2o_policy import policy_node
from f2o_policy.robots import check_robot
from f2o_policy.runtime.load import read_spec

if __name__ == "__main__":
    spec = read_spec(Path(sys.argv[1]))
    far = replace(spec, tool_m=((9.0, 0.0, 0.0),) * 4)
    try:
        check_robot(far, "student.pt", read_robot("fr3"))
    except Exception as error:
        print(error)
    print("pinocchio" in sys.modules)
"""


@pytest.mark.skipif(
    not STUDENT.is_file(), reason="the tests run outside the workspace: no checkpoints/ folder"
)
def test_the_policy_nodes_process_stays_free_of_pinocchio(tmp_path):
    """With it in the process the 125 Hz loop missed 427 of 1139 ticks, without 68 of 1252, on the same two cores."""
    pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
    (tmp_path / "run.py").write_text(WITHOUT_PINOCCHIO)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(STUDENT)], capture_output=True, text=True, check=True
    )
    sentence, loaded = done.stdout.splitlines()
    assert sentence.startswith("student.pt: was trained on an arm whose tool is up to ")
    assert loaded == "False"
