from types import SimpleNamespace

import numpy as np
import pytest
from f2o_nodekit.joints import JointStateError
from f2o_nodekit.robot import read_robot
from f2o_policy.runtime.inputs import JointInput

ARM = [f"panda_joint{i}" for i in range(1, 8)]
FINGERS = ["panda_finger_joint1", "panda_finger_joint2"]


def state(ns, names, positions):
    header = SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=ns))
    return SimpleNamespace(
        header=header, name=list(names), position=[float(q) for q in positions], velocity=[]
    )


@pytest.fixture
def joints():
    return JointInput(read_robot("panda"))


def test_joints_are_read_by_name_whatever_their_order(joints):
    assert joints.arm(state(1, ARM, range(7))) is None  # the gripper's width is not known yet
    joints.gripper(state(2, FINGERS, [0.03, 0.03]))
    order = np.random.default_rng(0).permutation(7)
    found = joints.arm(state(3, [ARM[i] for i in order], order))
    np.testing.assert_allclose(found.values, [0, 1, 2, 3, 4, 5, 6, 0.06])
    assert found.stamp_ros_ns == 3


def test_the_width_comes_from_the_gripper_s_topic_alone(joints):
    joints.gripper(state(1, FINGERS, [0.03, 0.03]))
    found = joints.arm(state(2, [*FINGERS, *ARM], [0.0, 0.0, *range(7)]))
    assert found.values[-1] == 0.06


def test_a_state_that_cannot_be_used_changes_nothing(joints):
    joints.gripper(state(1, FINGERS, [0.03, 0.03]))
    for names, positions in ((FINGERS, []), (["fr3_finger_joint1"], [0.01]), (FINGERS, [float("nan"), 0.0])):
        with pytest.raises(JointStateError):
            joints.gripper(state(2, names, positions))
    for names, positions in ((ARM, []), (ARM[:6], range(6)), (ARM, [float("nan")] * 7)):
        with pytest.raises(JointStateError):
            joints.arm(state(3, names, positions))
    assert joints.arm(state(4, ARM, range(7))).values[-1] == 0.06
