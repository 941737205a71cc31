"""Names of the topics that every node here listens to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RobotTopics:
    """What arm, bridge and recorder say."""

    joint_states: str = "/franka/joint_states"
    gripper_states: str = "/franka_gripper/joint_states"
    command: str = "/f2o/joint_command"
    mode: str = "/f2o/mode"
    episode_state: str = "/f2o/episode/state"
