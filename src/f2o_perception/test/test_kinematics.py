import importlib.metadata
from dataclasses import replace

import numpy as np
import pytest
from f2o_nodekit.robot import read_robot
from f2o_nodekit.urdf import PANDA_URDF, wheel_file
from f2o_perception.errors import KinematicsError
from f2o_perception.kinematics import ForwardKinematics
from hypothesis import given
from hypothesis import strategies as st
from scenes import HOME

PANDA = ForwardKinematics()


def test_the_tcp_at_home_is_where_the_manufacturer_says():
    pose = PANDA.pose("hand_tcp", HOME)
    np.testing.assert_allclose(pose[:3, 3], [0.307, 0.0, 0.487], atol=5e-4)
    np.testing.assert_allclose(pose[:3, 2], [0, 0, -1], atol=1e-3)  # pointing at the table


@given(st.lists(st.floats(-2.8, 2.8), min_size=7, max_size=7))
def test_poses_are_rigid(q):
    rotation = PANDA.pose("hand", np.array(q))[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_the_first_joint_turns_about_the_base_z():
    turned = HOME.copy()
    turned[0] = np.pi / 2
    x, y, z = PANDA.pose("hand_tcp", HOME)[:3, 3]
    np.testing.assert_allclose(PANDA.pose("hand_tcp", turned)[:3, 3], [-y, x, z], atol=1e-9)


def test_joints_are_taken_by_the_names_of_the_robots_file():
    panda = read_robot("panda")
    backwards = ForwardKinematics(
        replace(panda, joint_names=panda.joint_names[::-1], urdf=str(wheel_file(PANDA_URDF)))
    )
    q = np.linspace(-0.5, 0.5, 7)
    np.testing.assert_array_equal(backwards.pose("hand", q[::-1]), PANDA.pose("hand", q))


@pytest.mark.parametrize("name", ["fr3", "fr3v2"])
def test_every_franka_has_the_same_kinematics(name):
    arm, q = ForwardKinematics(read_robot(name)), np.linspace(-0.6, 0.4, 7)
    for frame in ("link0", "link4", "hand", "hand_tcp"):
        np.testing.assert_array_equal(arm.pose(frame, q), PANDA.pose(frame, q))


def test_an_arm_with_a_description_of_its_own(tmp_path):
    """The Panda's URDF with an FR3's names, as franka_description writes it, and a tool that is 5 cm longer."""
    text = wheel_file(PANDA_URDF).read_text().replace("panda_", "fr3_")
    (tmp_path / "mine.urdf").write_text(text.replace('xyz="0 0 0.1034"', 'xyz="0 0 0.1534"'))
    (tmp_path / "mine.yaml").write_text("like: fr3\nname: mine\nurdf: mine.urdf\n")
    mine = ForwardKinematics(read_robot(str(tmp_path / "mine.yaml")))
    np.testing.assert_array_equal(mine.pose("hand", HOME), PANDA.pose("hand", HOME))
    longer = np.linalg.inv(PANDA.pose("hand_tcp", HOME)) @ mine.pose("hand_tcp", HOME)
    np.testing.assert_allclose(longer[:3, 3], [0, 0, 0.05], atol=1e-9)


def test_a_pose_is_not_changed_by_the_next_call():
    first = PANDA.pose("hand", HOME)
    copy = first.copy()
    PANDA.pose("hand", np.zeros(7))
    np.testing.assert_array_equal(first, copy)


def test_what_the_robot_lacks_is_named(tmp_path):
    with pytest.raises(KinematicsError, match=r"no frame named 'elbow', expected one of link0, .*hand"):
        PANDA.pose("elbow", HOME)
    fr3 = replace(read_robot("fr3"), urdf=str(wheel_file(PANDA_URDF)))
    with pytest.raises(
        KinematicsError, match=r"no joint named fr3_joint1, .*file of fr3, expected .* panda_j"
    ):
        ForwardKinematics(fr3)


def test_a_file_that_is_no_robot_is_named(tmp_path):
    panda = read_robot("panda")
    with pytest.raises(KinematicsError, match=r"none\.urdf: expected a URDF file \(No such file"):
        ForwardKinematics(replace(panda, urdf=str(tmp_path / "none.urdf")))
    (tmp_path / "bad.urdf").write_text("not a robot")
    with pytest.raises(KinematicsError, match=r"bad\.urdf: expected a URDF file \(syntax error"):
        ForwardKinematics(replace(panda, urdf=str(tmp_path / "bad.urdf")))
    (tmp_path / "page.urdf").write_text("<html/>")
    with pytest.raises(KinematicsError, match=r"page\.urdf: .* XML with the root <html>"):
        ForwardKinematics(replace(panda, urdf=str(tmp_path / "page.urdf")))


def test_a_missing_wheel_is_one_sentence(monkeypatch):
    def files(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", files)
    with pytest.raises(
        KinematicsError, match="expected the Python package example-robot-data, or urdf: in the robot's file"
    ):
        ForwardKinematics()
