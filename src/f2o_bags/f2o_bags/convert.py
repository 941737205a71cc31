"""Message classes by name, and QoS profiles as plain data; duck-typed, so it imports without ROS."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.definitions import installed_prefixes, parts
from f2o_bags.errors import DefinitionError

_POLICIES = ("history", "depth", "reliability", "durability")


def message_class(name: str) -> type:
    """The Python class of package/msg/Type.

    To import a package runs it, and a bag may name any. So only a package of messages is imported, from where ROS or an
    overlay has it, and not from the working folder or what else comes before it.

    Raises:
        DefinitionError: it is no message type, or its package is not installed as ROS installs messages.
    """
    package, message = parts(name)
    place = _place(name, package, message)
    found = find_spec(package)  # of a package without a dot: nothing runs
    folders = [Path(folder) for folder in (found.submodule_search_locations or ())] if found else []
    if not any(_is_in(folder, place) for folder in folders):
        where = ", ".join(map(str, folders)) or "nowhere"
        raise DefinitionError(
            f"{name}: its Python package would be imported from {where}; expected it in {place}"
        )
    try:
        return getattr(importlib.import_module(f"{package}.msg"), message)
    except (ImportError, AttributeError) as error:
        raise DefinitionError(f"{name}: no Python class installed: {error}") from None


def _is_in(folder: Path, prefix: Path) -> bool:
    """By their names or really: an overlay may be made of links, and be reached by one."""
    return folder.absolute().is_relative_to(prefix.absolute()) or folder.resolve().is_relative_to(
        prefix.resolve()
    )


def _place(name: str, package: str, message: str) -> Path:
    """The install prefix that has the type as packages of messages are installed: known to ament, with its file."""
    prefixes = installed_prefixes()
    for prefix in prefixes:
        share = prefix / "share"
        known = (share / "ament_index" / "resource_index" / "packages" / package).exists()
        if known and (share / package / "msg" / f"{message}.msg").is_file():
            return prefix
    places = ", ".join(map(str, prefixes)) or "AMENT_PREFIX_PATH, which is empty"
    raise DefinitionError(f"{name}: no package of messages {package} with it is installed in {places}")


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
