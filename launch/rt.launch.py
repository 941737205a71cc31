"""On the real-time PC, beside the arm: ros2 launch f2o_control rt.launch.py robot:=fr3 robot_ip:=172.16.0.3."""

from f2o_bringup.launch_description import launch_description

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The graph is data: see f2o_bringup/graph.py."""
    return launch_description("rt")
