import importlib.metadata

import numpy as np
import pytest
from f2o_perception.config import PANDA_JOINTS
from f2o_perception.errors import KinematicsError
from f2o_perception.kinematics import ForwardKinematics
from hypothesis import given
from hypothesis import strategies as st
from scenes import HOME

PANDA = ForwardKinematics()


def test_the_tcp_at_home_is_where_the_manufacturer_says():
    pose = PANDA.pose("panda_hand_tcp", HOME)
    np.testing.assert_allclose(pose[:3, 3], [0.307, 0.0, 0.487], atol=5e-4)
    np.testing.assert_allclose(pose[:3, 2], [0, 0, -1], atol=1e-3)  # pointing at the table


@given(st.lists(st.floats(-2.8, 2.8), min_size=7, max_size=7))
def test_poses_are_rigid(q):
    rotation = PANDA.pose("panda_hand", np.array(q))[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_the_first_joint_turns_about_the_base_z():
    turned = HOME.copy()
    turned[0] = np.pi / 2
    x, y, z = PANDA.pose("panda_hand_tcp", HOME)[:3, 3]
    np.testing.assert_allclose(PANDA.pose("panda_hand_tcp", turned)[:3, 3], [-y, x, z], atol=1e-9)


def test_joints_are_taken_by_the_names_given():
    backwards = ForwardKinematics(joint_names=PANDA_JOINTS[::-1])
    q = np.linspace(-0.5, 0.5, 7)
    np.testing.assert_array_equal(backwards.pose("panda_hand", q[::-1]), PANDA.pose("panda_hand", q))


def test_poses_are_relative_to_the_base_frame():
    from_hand = ForwardKinematics(base_frame="panda_hand").pose("panda_link0", HOME)
    np.testing.assert_allclose(from_hand @ PANDA.pose("panda_hand", HOME), np.eye(4), atol=1e-12)


def test_a_pose_is_not_changed_by_the_next_call():
    first = PANDA.pose("panda_hand", HOME)
    copy = first.copy()
    PANDA.pose("panda_hand", np.zeros(7))
    np.testing.assert_array_equal(first, copy)


def test_what_the_robot_lacks_is_named():
    with pytest.raises(
        KinematicsError, match=r"no frame named 'elbow', expected one of panda_link0, .*panda_hand"
    ):
        PANDA.pose("elbow", HOME)
    with pytest.raises(KinematicsError, match=r"no joint named fr3_joint1, expected some of panda_joint1"):
        ForwardKinematics(joint_names=("fr3_joint1",))


def test_a_file_that_is_no_robot_is_named(tmp_path):
    with pytest.raises(KinematicsError, match=r"none\.urdf: expected a URDF file, found none"):
        ForwardKinematics(tmp_path / "none.urdf")
    (tmp_path / "bad.urdf").write_text("not a robot")
    with pytest.raises(KinematicsError, match=r"bad\.urdf: expected a URDF file, got something else"):
        ForwardKinematics(tmp_path / "bad.urdf")


def test_a_missing_wheel_is_one_sentence(monkeypatch):
    def files(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", files)
    with pytest.raises(KinematicsError, match="expected the Python package example-robot-data, or urdf:"):
        ForwardKinematics()
