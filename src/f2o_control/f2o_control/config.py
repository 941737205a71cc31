"""The configuration in config/bridge.yaml."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import FifoPriority, NotNegative, Positive, TopicName, WrittenPath, one_of
from f2o_nodekit.robot import RobotWord
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_control.adapters import ADAPTERS, UdpRules
from f2o_control.enable import EnableRules


@dataclass(frozen=True, config=STRICT)
class Topics:
    """Names of topics and services."""

    target: TopicName = "f2o/joint_target"
    command: TopicName = "f2o/joint_command"
    mode: TopicName = "f2o/mode"
    arm: TopicName = "f2o/arm"
    disarm: TopicName = "f2o/disarm"
    home: TopicName = "f2o/home"
    recover: TopicName = "f2o/recover"
    takeover: TopicName = "f2o/takeover"
    takeover_target: TopicName = "f2o/takeover_target"  # a person's targets beside a policy's
    enable: TopicName = "f2o/enable"  # std_msgs/Bool, 20 Hz or more: the switch is held
    joint_states: TopicName = "franka/joint_states"
    gripper_states: TopicName = "franka_gripper/joint_states"
    gripper_command: TopicName = "gripper_position_controller/commands"
    trajectory: TopicName = "joint_trajectory_controller/joint_trajectory"  # adapter jtc
    controller_state: TopicName = "joint_trajectory_controller/controller_state"  # what jtc says it holds
    robot_state: TopicName = "franka_robot_state_broadcaster/robot_state"  # what the arm says of itself
    crisp: TopicName = "target_joint"  # adapter crisp
    multipanda: TopicName = "joint_impedance/joints_desired"  # adapter multipanda


@dataclass(frozen=True, config=STRICT)
class Timeouts:
    """Timeouts of the bridge's inputs [s], monotonic clock."""

    target_s: Positive = 0.1  # between two targets; then hold
    first_target_s: Positive = 1.0  # from arming to the first target; then hold
    joint_states_s: Positive = 0.2  # between two joint states; then fault
    observations_s: Positive = 0.5  # between two observations behind targets, and their age; then hold
    tracking_error_s: Positive = 0.25  # of an arm max_tracking_error_rad or more from its command; then fault
    resume_s: Positive = 1.0  # from hold to the next target that is followed without arming again
    transport_s: NotNegative = (
        0.004  # from a tick to the controller (jtc): no trajectory changes what is due sooner
    )
    settle_s: Positive = 0.2  # after arming, for the controller to take over where the arm stands


@dataclass(frozen=True, config=STRICT)
class TargetRules:
    """Which targets are accepted, by their due time (ROS clock) [s]."""

    max_staleness_s: Positive = 0.1
    max_ahead_s: Positive = 0.5
    max_extrapolation_s: Positive = 0.03  # how far beyond its due time a target is carried along its velocity


@dataclass(frozen=True, config=STRICT)
class GripperRules:
    """When a requested width becomes a goal."""

    hysteresis_m: Positive = 0.002
    min_interval_s: Positive = 0.1


@dataclass(frozen=True, config=STRICT)
class FrankaRules:
    """franka_ros2's gripper, error recovery and thresholds of contact, used if they are available."""

    gripper: TopicName = "franka_gripper"  # whose actions move and grasp
    homing: bool = False  # find the fingers' stroke before the first goal: they open and close
    speed: Positive = 0.1  # m/s, franka_gripper's default
    force: Positive = 20.0  # N, of a grasp
    epsilon: Positive = 0.08  # m, how far from its goal a grasp may end: anything between the fingers counts
    error_recovery: TopicName = "action_server/error_recovery"
    hardware: str = "FrankaHardwareInterface"
    hardware_service: TopicName = "controller_manager/set_hardware_component_state"
    controller: str = ""  # activated again by a recovery; "": the adapter's
    broadcasters: tuple[str, ...] = ("joint_state_broadcaster", "franka_robot_state_broadcaster")
    switch_service: TopicName = "controller_manager/switch_controller"
    collision_service: TopicName = "service_server/set_force_torque_collision_behavior"
    step_timeout_s: Positive = 5.0  # of each step of the recovery, and of setting the thresholds


@dataclass(frozen=True, config=STRICT)
class BridgeConfig:
    """The bridge's configuration; every default stands here and nowhere else."""

    robot: RobotWord = "panda"
    source: Literal["teleop", "policy", "replay"] = "policy"  # the mode that arming enters
    profile: str = "normal"  # of the robot's limits: cautious, normal or full
    guard_workspace: bool = (
        True  # keep the tool in its box and below its speed, the arm out of table and itself
    )
    max_start_error_rad: Positive = 0.3  # how far a first target may be from where the arm is
    max_tracking_error_rad: Positive = 0.15  # an arm that stays further from its command does not follow
    homing_rad_s: Positive = 0.3  # fastest joint of the homing trajectory
    adapter: Annotated[str, one_of(ADAPTERS)] = "jtc"
    rate_hz: Annotated[float, Field(ge=50, le=1000)] = 125.0
    phase_s: NotNegative = (
        0.005  # ticks begin this far behind the multiples of their period, the policy's at 0
    )
    fifo_priority: FifoPriority = 60
    trace: WrittenPath = ""  # .npz with the times of every target (f2o latency-report)
    enable: EnableRules = field(default_factory=EnableRules)
    topics: Topics = field(default_factory=Topics)
    timeouts: Timeouts = field(default_factory=Timeouts)
    targets: TargetRules = field(default_factory=TargetRules)
    gripper: GripperRules = field(default_factory=GripperRules)
    franka: FrankaRules = field(default_factory=FrankaRules)
    udp: UdpRules = field(default_factory=UdpRules)
