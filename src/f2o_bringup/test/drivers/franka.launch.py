"""Stands in for franka_bringup's franka.launch.py: the arguments that franka_ros2 3.4 declares."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

from launch import LaunchDescription

DEFAULTS = {
    "robot_type": "",
    "arm_prefix": "",
    "namespace": "",
    "robot_ip": "172.16.0.3",
    "load_gripper": "false",
    "use_fake_hardware": "false",
    "fake_sensor_commands": "false",
    "joint_state_rate": "30",
    "load_franka_robot_state_broadcaster": "true",
    "controllers_yaml": "of franka_bringup",
}


def setup(context):
    """The driver, told what it was given."""
    given = dict(context.launch_configurations)
    foreign = sorted(set(given) - set(DEFAULTS))
    if foreign:
        print(f"Warning: not supported: {', '.join(foreign)}", flush=True)
    return [
        Node(
            package="franka_bringup",
            executable="ros2_control_node",
            namespace=given["namespace"],
            parameters=[{name: given[name] or "''" for name in DEFAULTS}],
            output="screen",
        )
    ]


def generate_launch_description():
    """All arguments, then the driver."""
    declared = [DeclareLaunchArgument(name, default_value=value) for name, value in DEFAULTS.items()]
    return LaunchDescription([*declared, OpaqueFunction(function=setup)])
