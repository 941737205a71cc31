from types import SimpleNamespace

import numpy as np
import pytest
from f2o_bags.targets import recorded_target
from f2o_nodekit.joints import JointStateError


def joint_state(names, positions, frame_id="policy"):
    header = SimpleNamespace(frame_id=frame_id)
    return SimpleNamespace(header=header, name=names, position=np.array(positions, float), velocity=[])


def joint_target(names, positions, width, source="policy"):
    fields = {"joint_names": names, "joint_positions": np.array(positions, float), "joint_velocities": []}
    return SimpleNamespace(**fields, gripper_width=width, source=source, header=SimpleNamespace(frame_id=""))


@pytest.mark.parametrize(
    "message",
    [joint_target(["b", "a"], [2, 1], 0.04), joint_state(["b", "gripper_width", "a"], [2, 0.04, 1])],
    ids=["JointTarget", "JointState"],
)
def test_a_target_is_read_whichever_message_it_was_recorded_as(message):
    target = recorded_target(message)
    assert (target.joint_names, target.gripper_width, target.source) == (("b", "a"), 0.04, "policy")
    assert target.row(("a", "b")).tolist() == [1.0, 2.0, 0.04]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (joint_state(["a"], [1.0]), "no position for gripper_width, only for a"),
        (joint_state(["a", "gripper_width"], [np.nan, 0.0]), "position of a is not finite"),
        (joint_target(["a"], [1.0], float("inf")), "position of gripper_width is not finite"),
        (
            joint_target(["a", "b"], [1.0], 0.0),
            "expected 3 positions for 3 names .*, got 2 and 0",
        ),
    ],
)
def test_what_is_no_target_says_why(message, text):
    with pytest.raises(JointStateError, match=text):
        recorded_target(message)


def test_other_joints_than_those_wanted_are_named():
    with pytest.raises(JointStateError, match="no position for c, only for a"):
        recorded_target(joint_target(["a"], [1.0], 0.0)).row(("a", "c"))
