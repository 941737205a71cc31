"""What config/sim.yaml and config/expert.yaml say."""

from __future__ import annotations

from dataclasses import dataclass, field

from f2o_sim.cameras import CAMERAS
from f2o_sim.scene import MAX_HEIGHT_PX, MAX_WIDTH_PX


@dataclass(frozen=True)
class Topics:
    """Names of topics and services, as realsense2_camera and franka_ros2 have them; ``{view}`` is a camera."""

    color: str = "/{view}/color/image_raw"
    color_info: str = "/{view}/color/camera_info"
    depth: str = "/{view}/aligned_depth_to_color/image_raw"
    depth_info: str = "/{view}/aligned_depth_to_color/camera_info"
    joint_states: str = "/franka/joint_states"
    gripper_states: str = "/franka_gripper/joint_states"
    trajectory: str = "/joint_trajectory_controller/joint_trajectory"
    gripper_command: str = "/gripper_position_controller/commands"
    reset: str = "/sim/reset"
    task_state: str = "/sim/task_state"


@dataclass(frozen=True)
class SimConfig:
    """The simulated robot and its cameras."""

    task: str = "reach_around"
    seed: int = 0
    views: tuple[str, ...] = tuple(mount.name for mount in CAMERAS)
    width: int = 240  # [px]
    height: int = 180
    camera_hz: float = 30.0
    joint_state_hz: float = 125.0
    gripper_state_hz: float = 15.0
    task_state_hz: float = 20.0
    state_log: str = ""  # path of an .npz with the states of every episode, written on exit; empty: none
    topics: Topics = field(default_factory=Topics)

    def check(self) -> list[str]:
        """Messages about values out of range."""
        known = [mount.name for mount in CAMERAS]
        ranges = {
            "width": (16, MAX_WIDTH_PX), "height": (16, MAX_HEIGHT_PX), "camera_hz": (1, 120),
            "joint_state_hz": (1, 500), "gripper_state_hz": (1, 500), "task_state_hz": (1, 500), "seed": (0, 2**32 - 1),
        }  # fmt: skip
        problems = [
            f"{key}: expected {low} to {high}, got {getattr(self, key):g}"
            for key, (low, high) in ranges.items()
            if not low <= getattr(self, key) <= high
        ]
        unknown = [view for view in self.views if view not in known]
        if unknown or not self.views:
            problems.append(f"views: expected some of {', '.join(known)}, got {list(self.views)}")
        return problems


@dataclass(frozen=True)
class ExpertTopics:
    """Names of the topics and services that the demonstrator uses."""

    joint_states: str = "/franka/joint_states"
    gripper_states: str = "/franka_gripper/joint_states"
    task_state: str = "/sim/task_state"
    reset: str = "/sim/reset"
    target: str = "/f2o/joint_target"
    arm: str = "/f2o/arm"
    disarm: str = "/f2o/disarm"
    episode_command: str = "/f2o/episode/command"
    episode_state: str = "/f2o/episode/state"


@dataclass(frozen=True)
class ExpertConfig:
    """The scripted demonstrator."""

    task: str = "reach_around"
    episodes: int = 0  # 0: until told to stop
    seed: int = 0  # of the first episode's scene; each further episode takes the next
    rate_hz: float = 125.0
    record: bool = True  # wait for the recorder and tell it what to keep
    wait_s: float = 30.0  # for simulator, bridge and recorder to appear, and for each answer
    topics: ExpertTopics = field(default_factory=ExpertTopics)

    def check(self) -> list[str]:
        """Messages about values out of range."""
        ranges = {
            "episodes": (0, 1_000_000),
            "seed": (0, 2**32 - 1),
            "rate_hz": (20, 500),
            "wait_s": (1, 600),
        }
        return [
            f"{key}: expected {low} to {high}, got {getattr(self, key):g}"
            for key, (low, high) in ranges.items()
            if not low <= getattr(self, key) <= high
        ]
