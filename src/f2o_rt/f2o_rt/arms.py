"""The arm that the configuration names."""

from __future__ import annotations

from f2o_control.robot import RobotDescription

from f2o_rt.arm import Arm
from f2o_rt.config import ReceiverConfig
from f2o_rt.franka import FrankaArm
from f2o_rt.mock_arm import MockArm


def make_arm(robot: RobotDescription, config: ReceiverConfig) -> Arm:
    """The arm that the configuration names.

    Raises:
        ArmError: pylibfranka is asked for and not installed, or cannot reach the arm.
    """
    if config.arm == "mock":
        return MockArm(robot)
    return FrankaArm(config.robot_ip, config.realtime)
