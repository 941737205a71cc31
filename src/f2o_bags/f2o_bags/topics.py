"""The topics of an episode, and which of them are commands.

A bag played with ``ros2 bag play`` must move nothing. Commands, on which an arm's controller, the bridge, the teleop
node or the recorder acts, are therefore stored as ``/f2o/recorded/<topic>``, to which nothing subscribes. ``BagWriter``
adds the prefix and the reader removes it; everything between them uses the topic's own name. Bags without the prefix
are read as well.
"""

from __future__ import annotations

RECORDED = "/f2o/recorded"

JOINT_STATES = "/franka/joint_states"
GRIPPER_STATES = "/franka_gripper/joint_states"
JOINT_COMMAND = "/f2o/joint_command"  # sent by the bridge: the intended motion

# Commands whose type alone does not tell. Others are named in recorder.yaml (`command: true`).
COMMANDS = frozenset(
    {
        "/f2o/joint_target",
        "/f2o/takeover_target",
        JOINT_COMMAND,  # the teleop node begins its motion there
        "/f2o/episode/command",
        "/f2o/enable",  # a switch that was held once is nobody's now
        "/joint_trajectory_controller/joint_trajectory",
        "/gripper_position_controller/commands",
        "/target_joint",  # crisp
        "/joint_impedance/joints_desired",  # multipanda
    }
)
COMMAND_TYPES = frozenset(
    {"trajectory_msgs/msg/JointTrajectory", "std_msgs/msg/Float64MultiArray", "f2o_msgs/msg/JointTarget"}
)


def is_command(topic: str, type_name: str) -> bool:
    """Whether the topic is known to be a command, by its name or its type."""
    return topic in COMMANDS or type_name in COMMAND_TYPES


def stored_name(topic: str, command: bool) -> str:
    """The name of ``topic`` inside a bag."""
    return RECORDED + topic if command else topic


def original_name(stored: str) -> str:
    """The topic that a bag stores as ``stored``."""
    return stored.removeprefix(RECORDED) if stored.startswith(RECORDED + "/") else stored
