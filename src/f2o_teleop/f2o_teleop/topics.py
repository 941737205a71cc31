"""Names of the topics to which the nodes here subscribe."""

from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import TopicName
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=STRICT)
class RobotTopics:
    """Topics of arm, bridge and recorder."""

    joint_states: TopicName = "franka/joint_states"
    gripper_states: TopicName = "franka_gripper/joint_states"
    command: TopicName = "f2o/joint_command"
    mode: TopicName = "f2o/mode"
    episode_state: TopicName = "f2o/episode/state"
