"""The policy node with a student whose actions are poses of the tool: joint targets over real DDS."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
pytest.importorskip("f2o_msgs.msg", reason="f2o_msgs is not built (colcon build)")
import torch
from f2o_nodekit.robot import read_robot
from f2o_policy.action_space import TcpSpace
from f2o_policy.data.normalise import MinMax
from f2o_policy.model.network import PolicyNetwork
from test_engine import MODEL, checkpoint_of
from test_policy_node import fitting, running

HOME = np.array(read_robot("panda").home)


def tcp_student():
    """Random weights, whose poses lie around that of the home posture."""
    joints = fitting(checkpoint_of("student"))
    middle = TcpSpace(read_robot("panda")).actions(np.append(HOME, 0.04))
    room = np.array([0.03] * 3 + [0.05] * 6 + [0.04])
    limits = MinMax(tuple((middle - room).tolist()), tuple((middle + room).tolist()))
    normaliser = dataclasses.replace(joints.normaliser, action=limits)
    model = dataclasses.replace(MODEL, action_dim=10)
    torch.manual_seed(0)
    state = PolicyNetwork(model, normaliser, timed=False).state_dict()
    return dataclasses.replace(
        joints, state=state, config=dataclasses.asdict(model), normaliser=normaliser, action_space="tcp"
    )


def test_the_node_sends_joints_near_the_pose(tmp_path):
    with running(tmp_path, tcp_student()) as (cell, process):
        cell.positions = HOME.tolist()
        assert cell.wait(lambda: cell.targets or process.poll() is not None, 90.0)
        assert process.poll() is None, process.stderr.read()
        assert cell.wait(lambda: cell.told == ("ok", b"\x00")), cell.told
        target = cell.targets[-1]
        assert list(target.joint_names) == [f"joint{i}" for i in range(1, 8)]
        assert np.abs(np.array(target.joint_positions) - HOME).max() < 0.5
