"""Names of the topics that every node here listens to."""

from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import TopicName
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=STRICT)
class RobotTopics:
    """What arm, bridge and recorder say."""

    joint_states: TopicName = "/franka/joint_states"
    gripper_states: TopicName = "/franka_gripper/joint_states"
    command: TopicName = "/f2o/joint_command"
    mode: TopicName = "/f2o/mode"
    episode_state: TopicName = "/f2o/episode/state"
