"""Stands in for realsense2_camera's rs_launch.py: the arguments that 4.58 declares, and its warning."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

# fmt: off
NAMES = [
    "camera_name", "camera_namespace", "serial_no", "usb_port_id", "device_type", "config_file",
    "json_file_path", "initial_reset", "accelerate_gpu_with_glsl", "rosbag_filename", "rosbag_loop",
    "log_level", "output", "enable_color", "rgb_camera.color_profile", "rgb_camera.color_format",
    "rgb_camera.enable_auto_exposure", "enable_depth", "enable_infra", "enable_infra1", "enable_infra2",
    "depth_module.depth_profile", "depth_module.depth_format", "depth_module.infra_profile",
    "depth_module.infra_format", "depth_module.infra1_format", "depth_module.infra2_format",
    "depth_module.color_profile", "depth_module.color_format", "depth_module.exposure", "depth_module.gain",
    "depth_module.hdr_enabled", "depth_module.enable_auto_exposure", "depth_module.exposure.1",
    "depth_module.gain.1", "depth_module.exposure.2", "depth_module.gain.2", "enable_sync",
    "depth_module.inter_cam_sync_mode", "enable_rgbd", "enable_gyro", "enable_accel", "enable_motion",
    "gyro_fps", "accel_fps", "motion_fps", "unite_imu_method", "clip_distance", "angular_velocity_cov",
    "linear_accel_cov", "diagnostics_period", "publish_tf", "tf_publish_rate", "pointcloud.enable",
    "pointcloud.stream_filter", "pointcloud.stream_index_filter", "pointcloud.ordered_pc",
    "pointcloud.allow_no_texture_points", "align_depth.enable", "colorizer.enable",
    "decimation_filter.enable", "rotation_filter.enable", "rotation_filter.rotation",
    "spatial_filter.enable", "temporal_filter.enable", "disparity_filter.enable",
    "hole_filling_filter.enable", "hdr_merge.enable", "wait_for_device_timeout", "reconnect_timeout",
    "base_frame_id", "tf_prefix", "decimation_filter.filter_magnitude", "enable_safety",
    "safety_camera.safety_mode", "enable_labeled_point_cloud",
    "depth_mapping_camera.labeled_point_cloud_profile", "enable_occupancy",
    "depth_mapping_camera.occupancy_profile",
]
# fmt: on
DEFAULTS = {
    "camera_name": "camera",
    "camera_namespace": "camera",
    "output": "screen",
    "log_level": "info",
    "enable_color": "true",
    "enable_depth": "true",
}


def setup(context):
    """As upstream: name every launch configuration that is not an argument of this file; then start the camera."""
    foreign = sorted(set(context.launch_configurations) - set(NAMES))
    if foreign:
        print(f"Warning: not supported: {', '.join(foreign)}", flush=True)
    return [
        Node(
            package="realsense2_camera",
            executable="realsense2_camera_node",
            namespace=LaunchConfiguration("camera_namespace"),
            name=LaunchConfiguration("camera_name"),
            parameters=[{name: LaunchConfiguration(name) for name in NAMES}],
            output=LaunchConfiguration("output"),
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        )
    ]


def generate_launch_description():
    """All arguments, then the camera."""
    declared = [DeclareLaunchArgument(name, default_value=DEFAULTS.get(name, "''")) for name in NAMES]
    return LaunchDescription([*declared, OpaqueFunction(function=setup)])
