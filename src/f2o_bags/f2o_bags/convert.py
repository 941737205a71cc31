"""Message classes by name, and QoS profiles as plain data; duck-typed, so it imports without ROS."""

import importlib
from typing import Any

from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.errors import DefinitionError

_POLICIES = ("history", "depth", "reliability", "durability")


def message_class(name: str) -> type:
    """The Python class of package/msg/Type.

    Raises:
        DefinitionError: its package is not installed.
    """
    package, _, message = name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), message)
    except (ImportError, AttributeError) as error:
        raise DefinitionError(f"{name}: no Python class installed: {error}") from None


def qos_to_metadata(profile: Any) -> dict[str, Any]:
    """An rclpy QoSProfile with the keys and values of rosbag2's metadata.yaml version 9."""
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
