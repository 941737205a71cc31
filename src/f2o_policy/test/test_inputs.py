import numpy as np
from f2o_policy.runtime.inputs import JointReader

ARM = [f"panda_joint{i}" for i in range(1, 8)]
FINGERS = ["panda_finger_joint1", "panda_finger_joint2"]


def test_joints_are_read_by_name_whatever_their_order():
    reader = JointReader([*ARM, "gripper_width"])
    assert reader.read(1, ARM, range(7)) is None  # the gripper's width is not known yet
    assert reader.read(2, FINGERS, [0.03, 0.03]) is None
    order = np.random.default_rng(0).permutation(7)
    joints = reader.read(3, [ARM[i] for i in order], [float(i) for i in order])
    np.testing.assert_allclose(joints.values, [0, 1, 2, 3, 4, 5, 6, 0.06])
    assert joints.stamp_ros_ns == 3


def test_a_merged_message_brings_arm_and_width_at_once():
    joints = JointReader([*ARM, "gripper_width"]).read(5, [*FINGERS, *ARM], [0.01, 0.02, *range(7)])
    np.testing.assert_allclose(joints.values, [0, 1, 2, 3, 4, 5, 6, 0.03])


def test_incomplete_and_non_finite_states_are_not_passed_on():
    reader = JointReader([*ARM, "gripper_width"])
    reader.read(1, FINGERS, [0.03, 0.03])
    assert reader.read(2, ARM[:6], range(6)) is None
    assert reader.read(3, ARM, [float("nan")] * 7) is None


def test_a_state_without_its_positions_is_passed_over():
    reader = JointReader([*ARM, "gripper_width"])
    reader.read(1, FINGERS, [0.03, 0.03])
    assert reader.read(2, FINGERS, []) is None
    assert reader.read(3, ARM, []) is None
    assert reader.read(4, ARM, range(6)) is None
    assert reader.read(5, ARM, range(7)).values[-1] == 0.06  # the width that was known still is
