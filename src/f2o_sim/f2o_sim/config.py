"""Configuration of the simulator (config/sim.yaml) and of the scripted demonstrator (config/expert.yaml)."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from f2o_nodekit.config import STRICT, ConfigPath
from f2o_nodekit.fields import DIFFERENT, FifoPriority, Seed, TopicName, ViewTopicName, one_of
from f2o_nodekit.robot import RobotWord
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_sim.cameras import CAMERAS
from f2o_sim.scene import MAX_HEIGHT_PX, MAX_WIDTH_PX

VIEWS = tuple(mount.name for mount in CAMERAS)
Rate = Annotated[float, Field(ge=1, le=500)]


@dataclass(frozen=True, config=STRICT)
class Topics:
    """Names of topics and services, as realsense2_camera and franka_ros2 have them; ``{view}`` is a camera."""

    color: ViewTopicName = "{view}/color/image_raw"
    color_info: ViewTopicName = "{view}/color/camera_info"
    depth: ViewTopicName = "{view}/aligned_depth_to_color/image_raw"
    depth_info: ViewTopicName = "{view}/aligned_depth_to_color/camera_info"
    joint_states: TopicName = "franka/joint_states"
    gripper_states: TopicName = "franka_gripper/joint_states"
    trajectory: TopicName = "joint_trajectory_controller/joint_trajectory"
    gripper_command: TopicName = "gripper_position_controller/commands"
    reset: TopicName = "sim/reset"
    task_state: TopicName = "sim/task_state"


@dataclass(frozen=True, config=STRICT)
class SimConfig:
    """The simulated robot and its cameras."""

    robot: RobotWord = "panda"
    adapter: str = "jtc"
    """Of the bridge. With ``udp`` a control unit moves the arm, whose client f2o_rt is; else topics do."""
    fci: Annotated[str, Field(pattern=r"^[\w.:-]+$", description="an address of this machine")] = "127.0.0.1"
    """Where that control unit listens."""
    task: str = "reach_around"
    seed: Seed = 0
    views: Annotated[tuple[Annotated[str, one_of(VIEWS)], ...], DIFFERENT] = VIEWS
    width: Annotated[int, Field(ge=16, le=MAX_WIDTH_PX)] = 240  # [px]
    height: Annotated[int, Field(ge=16, le=MAX_HEIGHT_PX)] = 180
    camera_hz: Annotated[float, Field(ge=1, le=120)] = 30.0
    fifo_priority: FifoPriority = 0  # of the cameras' thread; the physics' is one higher
    joint_state_hz: Rate = 125.0
    gripper_state_hz: Rate = 15.0
    task_state_hz: Rate = 20.0
    state_log: ConfigPath = ""  # .npz with the states of every episode
    topics: Topics = field(default_factory=Topics)


@dataclass(frozen=True, config=STRICT)
class ExpertTopics:
    """Names of the topics and services that the demonstrator uses."""

    joint_states: TopicName = "franka/joint_states"
    gripper_states: TopicName = "franka_gripper/joint_states"
    task_state: TopicName = "sim/task_state"
    reset: TopicName = "sim/reset"
    target: TopicName = "f2o/joint_target"
    arm: TopicName = "f2o/arm"
    disarm: TopicName = "f2o/disarm"
    episode_command: TopicName = "f2o/episode/command"
    episode_state: TopicName = "f2o/episode/state"


@dataclass(frozen=True, config=STRICT)
class ExpertConfig:
    """The scripted demonstrator."""

    robot: RobotWord = "panda"
    task: str = "reach_around"
    episodes: Annotated[int, Field(ge=0, le=1_000_000)] = 0  # 0: until stopped
    seed: Seed = 0  # of the first episode's scene; each further episode takes the next
    rate_hz: Annotated[float, Field(ge=20, le=500)] = 125.0
    record: bool = True  # with the recorder: start, save and discard episodes
    wait_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    """For simulator, bridge and recorder to appear, and for each answer."""
    topics: ExpertTopics = field(default_factory=ExpertTopics)
