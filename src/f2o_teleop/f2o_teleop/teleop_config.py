"""The dataclass of config/teleop.yaml."""

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Literal

import numpy as np
from f2o_nodekit.config import STRICT, ConfigPath, rules
from f2o_nodekit.fields import Interval, NotNegative, Positive, Share, TopicName
from f2o_nodekit.robot import RobotWord
from jaxtyping import Float64
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_teleop.drift import DriftConfig
from f2o_teleop.episode import Verb, parse_command
from f2o_teleop.errors import CommandError
from f2o_teleop.keyboard import AXIS_OF_KEY, STOP
from f2o_teleop.mapping import ButtonConfig, MappingConfig
from f2o_teleop.takeover import TakeoverConfig
from f2o_teleop.topics import RobotTopics

FILED = {"scripted": "a YAML file", "hidfile": "a file of HID reports"}
GRIPPER_KEY, GIVE_BACK_KEY = "gripper", "give_back"
NOT_COMMANDS = (GRIPPER_KEY, GIVE_BACK_KEY)  # actions of keys that the recorder does not hear of


@dataclass(frozen=True, config=STRICT)
class TeleopTopics(RobotTopics):
    """Names of topics."""

    target: TopicName = "f2o/joint_target"
    takeover: TopicName = "f2o/takeover"
    enable: TopicName = "f2o/enable"
    episode_command: TopicName = "f2o/episode/command"
    spacenav_twist: TopicName = "spacenav/twist"
    spacenav_joy: TopicName = "spacenav/joy"


@dataclass(frozen=True, config=STRICT)
class Workspace:
    """The box that the tool cannot leave, in the base frame [m]: bounds of each axis."""

    x: Interval = (0.2, 0.8)
    y: Interval = (-0.5, 0.5)
    z: Interval = (0.0, 0.8)

    def corners(self) -> Float64[np.ndarray, "2 3"]:
        """Lowest and highest corner."""
        return np.array([self.x, self.y, self.z], dtype=np.float64).T.copy()


@dataclass(frozen=True, config=STRICT)
class TeleopConfig:
    """The configuration of teleop_node; every default stands here and nowhere else."""

    source: Literal["spacemouse", "spacenav", "keyboard", "scripted", "hidfile"] = "spacemouse"
    script: ConfigPath = ""  # file of the sources scripted (YAML) and hidfile (HID reports)
    repeat: bool = False  # play the HID reports again and again
    rate_hz: Annotated[float, Field(ge=10, le=1000)] = 125.0
    robot: RobotWord = "panda"  # its home is the preferred posture in the null space
    velocity_scale: Share = 0.5  # share of the joint velocity limits that may be used
    max_lag_rad: Positive = 0.25  # the target waits while the arm is further behind
    open_width: float = 0.08  # m
    closed_width: NotNegative = 0.0  # m
    workspace: Workspace = field(default_factory=Workspace)
    max_joint_state_age_s: Positive = 0.2  # no targets when the joint states are older
    topics: TeleopTopics = field(default_factory=TeleopTopics)
    drift: DriftConfig = field(default_factory=DriftConfig)
    mapping: MappingConfig = field(default_factory=MappingConfig)
    buttons: ButtonConfig = field(default_factory=ButtonConfig)
    takeover: TakeoverConfig = field(default_factory=TakeoverConfig)
    keys: dict[str, str] = field(default_factory=dict)
    """Character -> episode command (labels too), "gripper" or "give_back"."""

    @rules
    def _fit(self) -> Iterator[str]:
        if self.source in FILED and not self.script:
            yield f"script: expected the path of {FILED[self.source]}, got nothing"
        if self.source == "keyboard" and (taken := sorted(set(self.keys) & {*AXIS_OF_KEY, STOP})):
            yield f"keys: {', '.join(taken)} move the arm when the source is the keyboard; expected others"
        yield from filter(None, (_key(key, action) for key, action in self.keys.items()))
        if not self.closed_width < self.open_width:
            yield f"closed_width: expected less than open_width ({self.open_width:g}), got {self.closed_width:g}"


def _key(key: str, action: str) -> str:
    """What is wrong with a key and its action, or ''."""
    legal = ", ".join([verb.value for verb in Verb] + [*NOT_COMMANDS])
    try:
        known = action in NOT_COMMANDS or bool(parse_command(action))
    except CommandError:
        known = False
    if len(key) == 1 and known:
        return ""
    return (
        f"keys.{key}: expected one character for one of {legal} (with labels as JSON, if any), got {action!r}"
    )
