"""The arm that the configuration names."""

from __future__ import annotations

from f2o_control.robot import RobotDescription

from f2o_rt.arm import Arm
from f2o_rt.config import ReceiverConfig
from f2o_rt.franka import FrankaArm, gripper_command
from f2o_rt.mock_arm import MockArm
from f2o_rt.stepped import Clock, SteppedGripper


def make_stepped_arm(
    robot: RobotDescription, config: ReceiverConfig, clock: Clock
) -> tuple[Arm, SteppedGripper]:
    """The arm behind pylibfranka on the clock of a simulation, and its gripper.

    Raises:
        ArmError: pylibfranka is not installed.
        UnknownProfileError: the robot's file has no such profile.
    """
    gripper = SteppedGripper(gripper_command(config.robot_ip, robot), lambda: clock.ended, clock.time_ns)
    return FrankaArm(config.robot_ip, robot, config.realtime, clock.begin, gripper, config.profile), gripper


def make_arm(robot: RobotDescription, config: ReceiverConfig) -> Arm:
    """The arm that the configuration names.

    Raises:
        ArmError: pylibfranka is asked for and not installed, or cannot reach the arm.
        UnknownProfileError: the robot's file has no such profile.
    """
    robot.profile(config.profile)  # a mock knows no contact, but a wrong name is said in trials, too
    if config.arm == "mock":
        return MockArm(robot)
    return FrankaArm(config.robot_ip, robot, config.realtime, profile=config.profile)
