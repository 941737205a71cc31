"""What config/bridge.yaml says."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from f2o_nodekit.rows import check_trace

from f2o_control.adapters import ADAPTERS, UdpRules
from f2o_control.state import FOLLOWING


def _positive(config: object) -> list[str]:
    """Messages about the numbers of ``config`` that are not above 0."""
    values = ((f.name, getattr(config, f.name)) for f in fields(config))  # type: ignore[arg-type]
    return [f"{key}: expected a number above 0, got {v}" for key, v in values if not v > 0]


@dataclass(frozen=True)
class Topics:
    """Names of topics and services."""

    target: str = "/f2o/joint_target"
    command: str = "/f2o/joint_command"
    mode: str = "/f2o/mode"
    arm: str = "/f2o/arm"
    disarm: str = "/f2o/disarm"
    home: str = "/f2o/home"
    recover: str = "/f2o/recover"
    takeover: str = "/f2o/takeover"
    takeover_target: str = "/f2o/takeover_target"  # a person's targets beside a policy's
    observation: str = "/f2o/observation"
    joint_states: str = "/franka/joint_states"
    gripper_states: str = "/franka_gripper/joint_states"
    gripper_command: str = "/gripper_position_controller/commands"
    trajectory: str = "/joint_trajectory_controller/joint_trajectory"  # adapter jtc
    crisp: str = "/target_joint"  # adapter crisp
    multipanda: str = "/joint_impedance/joints_desired"  # adapter multipanda


@dataclass(frozen=True)
class Timeouts:
    """How long the bridge waits before it stops trusting silence [s], monotonic clock."""

    target_s: float = 0.1  # between two targets; then hold
    first_target_s: float = 1.0  # from arming to the first target; then hold
    joint_states_s: float = 0.2  # between two joint states; then fault
    observations_s: float = 0.5  # between two observations of a policy that has any; then hold
    tracking_error_s: float = (
        0.25  # that the arm may stay max_tracking_error_rad from its command; then fault
    )
    resume_s: float = 1.0  # from hold to the next target that is followed without arming again
    settle_s: float = 0.2  # after arming, for the controller to take over where the arm stands

    check = _positive


@dataclass(frozen=True)
class TargetRules:
    """Which targets are let through, by their due time (ROS clock) [s]."""

    max_staleness_s: float = 0.1
    max_ahead_s: float = 0.5
    max_extrapolation_s: float = 0.03  # how far beyond its due time a target is carried along its velocity

    check = _positive


@dataclass(frozen=True)
class GripperRules:
    """When a wished width becomes a goal."""

    hysteresis_m: float = 0.002
    min_interval_s: float = 0.1

    check = _positive


@dataclass(frozen=True)
class FrankaRules:
    """What franka_ros2 is asked for: its gripper's goals, and the way out of a reflex. Used where it is there."""

    gripper: str = "/franka_gripper"  # whose actions move and grasp
    homing: bool = False  # find the fingers' stroke before the first goal: they open and close
    speed: float = 0.1  # m/s, franka_gripper's default
    force: float = 20.0  # N, of a grasp
    epsilon: float = 0.08  # m, how far from its goal a grasp may end: anything between the fingers counts
    error_recovery: str = "/action_server/error_recovery"
    hardware: str = "FrankaHardwareInterface"
    hardware_service: str = "/controller_manager/set_hardware_component_state"
    controller: str = "joint_trajectory_controller"
    switch_service: str = "/controller_manager/switch_controller"
    step_timeout_s: float = 5.0  # longest wait for a step of the recovery

    def check(self) -> list[str]:
        """Messages about values that do not fit."""
        keys = ("speed", "force", "epsilon", "step_timeout_s")
        values = ((key, getattr(self, key)) for key in keys)
        return [f"{key}: expected a number above 0, got {value}" for key, value in values if not value > 0]


@dataclass(frozen=True)
class BridgeConfig:
    """The bridge's configuration; every default stands here and nowhere else."""

    robot: str = "panda"  # config/robot_<name>.yaml
    source: str = "policy"  # the mode that arming enters: policy, teleop or replay
    profile: str = "normal"  # of the robot's limits: cautious, normal or full
    guard_workspace: bool = True  # keep the tool in its box, the arm out of table and itself
    max_start_error_rad: float = 0.3  # how far a first target may be from where the arm is
    max_tracking_error_rad: float = 0.15  # an arm that stays further from its command does not follow
    homing_rad_s: float = 0.3  # fastest joint on the way home
    adapter: str = "jtc"
    rate_hz: float = 125.0
    phase_s: float = 0.005  # ticks begin this far behind the multiples of their period, the policy's at 0
    fifo_priority: int = 60  # SCHED_FIFO of the loop's thread where the system grants it; 0: do not ask
    stop_points: int = 4  # in each JointTrajectory, after its first point
    trace: str = ""  # path of an .npz with the times of every target, written on exit (f2o latency-report)
    topics: Topics = field(default_factory=Topics)
    timeouts: Timeouts = field(default_factory=Timeouts)
    targets: TargetRules = field(default_factory=TargetRules)
    gripper: GripperRules = field(default_factory=GripperRules)
    franka: FrankaRules = field(default_factory=FrankaRules)
    udp: UdpRules = field(default_factory=UdpRules)

    def check(self) -> list[str]:
        """Messages about values that do not fit."""
        problems = []
        modes = [mode.value for mode in FOLLOWING]
        if self.source not in modes:
            problems.append(f"source: expected {' or '.join(modes)}, got {self.source!r}")
        for key in ("max_start_error_rad", "max_tracking_error_rad", "homing_rad_s"):
            if not getattr(self, key) > 0:
                problems.append(f"{key}: expected a number above 0, got {getattr(self, key)}")
        if self.adapter not in ADAPTERS:
            problems.append(f"adapter: expected {' or '.join(sorted(ADAPTERS))}, got {self.adapter!r}")
        if not 50.0 <= self.rate_hz <= 1000.0:
            problems.append(f"rate_hz: expected 50 to 1000, got {self.rate_hz}")
        if self.phase_s < 0:
            problems.append(f"phase_s: expected 0 or more, got {self.phase_s}")
        if not 0 <= self.fifo_priority <= 99:
            problems.append(f"fifo_priority: expected 0 to 99, got {self.fifo_priority}")
        if not 1 <= self.stop_points <= 20:
            problems.append(f"stop_points: expected 1 to 20, got {self.stop_points}")
        return problems + check_trace(self.trace)
