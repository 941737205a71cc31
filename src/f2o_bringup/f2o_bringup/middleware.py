"""Profiles of Fast DDS; for the bridge one that receives under SCHED_FIFO where the system grants it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from f2o_nodekit.pace import request_fifo

# Jazzy's Fast DDS reads the second of these variables alone; Kilted's reads both, and warns of the second.
PROFILES = KILTED, JAZZY = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"
RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
PRIORITY = 58  # of the receiving threads, as in the two files
COMMON_PROFILE, BRIDGE, BRIDGE_LOCALHOST = "dds.xml", "dds_bridge.xml", "dds_bridge_localhost.xml"


def may_take_fifo() -> bool:
    """Whether the system grants SCHED_FIFO to this process, and so to those that it starts."""
    with ThreadPoolExecutor(1) as pool:  # a thread that ends: the caller keeps its own priority
        return pool.submit(request_fifo, PRIORITY).result()


def profile_variable(environ: Mapping[str, str] = os.environ) -> str:
    """The environment variable from which this ROS 2 distribution's Fast DDS takes its profile."""
    return JAZZY if environ.get("ROS_DISTRO") == "jazzy" else KILTED


def named_profile(environ: Mapping[str, str] = os.environ) -> str | None:
    """The profile that either variable names, the user's own before env.sh's; None where neither is set."""
    named = [environ[name] for name in PROFILES if name in environ]
    return min(named, key=is_common, default=None)


def profile(path: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment variables with which Fast DDS uses the profile ``path``, or the one that the user names."""
    variable, named = profile_variable(environ), named_profile(environ)
    if named is None:
        return {variable: path} if path else {}
    return {JAZZY: named} if variable == JAZZY else {}


def is_common(path: str | None) -> bool:
    """Whether ``path`` is the profile that env.sh names, or none."""
    return path is None or os.path.basename(path) == COMMON_PROFILE  # env.sh sets that one for all


def fifo_receive(
    find: Callable[[str], str], environ: Mapping[str, str] = os.environ, granted: bool | None = None
) -> dict[str, str]:
    """Environment variables with which a process receives by UDP alone, under SCHED_FIFO; empty where it cannot.

    Shared memory must go: it waits for its locks by yielding, and a real-time thread that yields to an ordinary one
    keeps its core for good. rmw_fastrtps adds it by itself in the discovery range LOCALHOST, whatever the profile
    says; so there the profile says what LOCALHOST means, and the range is left to it.

    Args:
        find: path of a configuration file, "" where there is none.
        environ: of the process that starts it. A user's own profile or other middleware is kept.
        granted: whether it may have SCHED_FIFO; None asks the system.
    """
    if not environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp").startswith("rmw_fastrtps"):
        return {}
    if not is_common(named_profile(environ)):
        return {}
    local = environ.get(RANGE) == "LOCALHOST"
    if local and environ.get("ROS_STATIC_PEERS"):  # which the range SYSTEM_DEFAULT does not look at
        return {}
    path = find(BRIDGE_LOCALHOST if local else BRIDGE)
    if not path or not (may_take_fifo() if granted is None else granted):
        return {}
    return {profile_variable(environ): path} | ({RANGE: "SYSTEM_DEFAULT"} if local else {})
