"""The dataclass of config/teleop.yaml."""

from dataclasses import dataclass, field

import numpy as np
from f2o_perception.config import PANDA_FINGERS
from jaxtyping import Float64

from f2o_teleop.arm import ARM_JOINTS
from f2o_teleop.drift import DriftConfig
from f2o_teleop.episode import Verb, parse_command
from f2o_teleop.errors import CommandError
from f2o_teleop.ik import HOME, TCP_FRAME
from f2o_teleop.keyboard import AXIS_OF_KEY, STOP
from f2o_teleop.mapping import ButtonConfig, MappingConfig
from f2o_teleop.takeover import TakeoverConfig
from f2o_teleop.topics import RobotTopics

SOURCES = ("spacemouse", "spacenav", "keyboard", "scripted", "hidfile")
FILED = {"scripted": "a YAML file", "hidfile": "a file of HID reports"}
GRIPPER_KEY = "gripper"


@dataclass(frozen=True)
class TeleopTopics(RobotTopics):
    """Names of topics."""

    target: str = "/f2o/joint_target"
    takeover: str = "/f2o/takeover"
    episode_command: str = "/f2o/episode/command"
    spacenav_twist: str = "/spacenav/twist"
    spacenav_joy: str = "/spacenav/joy"


@dataclass(frozen=True)
class Workspace:
    """The box that the hand cannot leave, in the base frame [m]: lowest and highest of each axis."""

    x: tuple[float, float] = (0.2, 0.8)
    y: tuple[float, float] = (-0.5, 0.5)
    z: tuple[float, float] = (0.0, 0.8)

    def check(self) -> list[str]:
        """Messages about values out of range."""
        return [
            f"{axis}: expected the lower before the higher, got {list(getattr(self, axis))}"
            for axis in "xyz"
            if not getattr(self, axis)[0] < getattr(self, axis)[1]
        ]

    def corners(self) -> Float64[np.ndarray, "2 3"]:
        """Lowest and highest corner."""
        return np.array([self.x, self.y, self.z], dtype=np.float64).T.copy()


@dataclass(frozen=True)
class TeleopConfig:
    """The configuration of teleop_node; every default stands here and nowhere else."""

    source: str = "spacemouse"
    script: str = ""  # file of the sources scripted (YAML) and hidfile (HID reports)
    repeat: bool = False  # begin the HID reports again at their end
    rate_hz: float = 125.0
    urdf: str = ""  # of the arm; default: panda.urdf of the example-robot-data wheel
    joint_names: tuple[str, ...] = ARM_JOINTS
    finger_joint_names: tuple[str, ...] = PANDA_FINGERS  # on the gripper's topic; they add up to its width
    tcp_frame: str = TCP_FRAME
    home: tuple[float, ...] = HOME  # posture the null space prefers [rad]
    velocity_scale: float = 0.5  # share of the joint velocity limits that a hand may use
    max_lag_rad: float = 0.25  # the target waits while the arm is further behind
    open_width: float = 0.08  # m
    closed_width: float = 0.0  # m
    workspace: Workspace = field(default_factory=Workspace)
    max_joint_state_age_s: float = 0.2  # no targets when the joint states are older
    topics: TeleopTopics = field(default_factory=TeleopTopics)
    drift: DriftConfig = field(default_factory=DriftConfig)
    mapping: MappingConfig = field(default_factory=MappingConfig)
    buttons: ButtonConfig = field(default_factory=ButtonConfig)
    takeover: TakeoverConfig = field(default_factory=TakeoverConfig)
    keys: dict[str, str] = field(
        default_factory=dict
    )  # character -> episode command (labels too) or "gripper"

    def check(self) -> list[str]:
        """Messages about values out of range."""
        problems = []
        if self.source not in SOURCES:
            problems.append(f"source: expected one of {', '.join(SOURCES)}, got {self.source!r}")
        if self.source in FILED and not self.script:
            problems.append(f"script: expected the path of {FILED[self.source]}, got nothing")
        if self.source == "keyboard" and (taken := sorted(set(self.keys) & {*AXIS_OF_KEY, STOP})):
            problems.append(
                f"keys: {', '.join(taken)} move the arm when the source is the keyboard; expected others"
            )
        if not 10.0 <= self.rate_hz <= 1000.0:
            problems.append(f"rate_hz: expected 10 to 1000, got {self.rate_hz}")
        if len(self.joint_names) != 7 or len(self.home) != 7:
            problems.append("joint_names: expected seven, and seven numbers in home")
        if not 0.0 < self.velocity_scale <= 1.0:
            problems.append(f"velocity_scale: expected above 0 and up to 1, got {self.velocity_scale}")
        if not 0.0 <= self.closed_width < self.open_width:
            problems.append(f"closed_width: expected 0 or more and below open_width, got {self.closed_width}")
        return problems + [problem for key, action in self.keys.items() if (problem := _key(key, action))]


def _key(key: str, action: str) -> str:
    """What is wrong with a key and its action, or ''."""
    legal = ", ".join([verb.value for verb in Verb] + [GRIPPER_KEY])
    try:
        known = action == GRIPPER_KEY or bool(parse_command(action))
    except CommandError:
        known = False
    if len(key) == 1 and known:
        return ""
    return (
        f"keys.{key}: expected one character for one of {legal} (with labels as JSON, if any), got {action!r}"
    )
