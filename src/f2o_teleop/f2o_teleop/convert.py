"""ROS objects to and from the plain data of this package; duck-typed, so it imports without ROS."""

from typing import Any

NS_PER_S = 1_000_000_000
_POLICIES = ("history", "depth", "reliability", "durability")


def qos_to_metadata(profile: Any) -> dict[str, Any]:
    """One rclpy QoSProfile with the keys and words of rosbag2's metadata.yaml version 9."""
    policies = {key: _word(getattr(profile, key)) for key in _POLICIES}
    return {
        **policies,
        "deadline": _duration(profile.deadline),
        "lifespan": _duration(profile.lifespan),
        "liveliness": _word(profile.liveliness),
        "liveliness_lease_duration": _duration(profile.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": bool(profile.avoid_ros_namespace_conventions),
    }


def _word(policy: Any) -> str | int:
    return policy.name.lower() if hasattr(policy, "name") else int(policy)


def _duration(duration: Any) -> dict[str, int]:
    return {"sec": duration.nanoseconds // NS_PER_S, "nsec": duration.nanoseconds % NS_PER_S}
