"""Run a policy on the arm: ros2 launch f2o_control deploy.launch.py sim:=true."""

from f2o_bringup.launch_description import launch_description

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The graph is data: see f2o_bringup/graph.py."""
    return launch_description("deploy")
