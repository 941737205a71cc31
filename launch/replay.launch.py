"""Let the arm do an episode again: ros2 launch f2o_control replay.launch.py, then f2o bag replay EPISODE --arm."""

from f2o_bringup.launch_description import launch_description

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The graph is data: see f2o_bringup/graph.py."""
    return launch_description("replay")
