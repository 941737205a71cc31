"""The environment in which rcl enforces DDS security with a keystore of ``f2o keystore``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from f2o_nodekit.names import full_name

from f2o_bringup.errors import GraphError

DRIVERS = "drivers"
"""The enclave of what is not ours: franka_ros2, realsense2_camera, ros2_control's spawner."""


def enforced(path: str, nodes: Iterable[str], within: str = "") -> dict[str, dict[str, str]]:
    """Environment variables with which rcl enforces security, of each of ``nodes`` and of the drivers.

    The enclave is named by a variable, not by ``--enclave``: drivers' launch files have no argument for it.

    Args:
        path: the keystore.
        nodes: names of those that run.
        within: the namespace of the arm, /left; "" for none.

    Raises:
        GraphError: the keystore has no enclave of one of them.
    """
    enclaves = {name: full_name(name, within) for name in (*nodes, DRIVERS)}
    missing = [
        name
        for name in enclaves.values()
        if not (Path(path) / "enclaves" / name[1:] / "permissions.p7s").is_file()
    ]
    if missing:
        word = f" --namespace {within}" if within else ""
        raise GraphError(
            f"security: {path} has no enclave {' or '.join(missing)}; expected a keystore of f2o keystore DIR{word}"
        )
    common = {
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": path,
    }
    return {name: {**common, "ROS_SECURITY_ENCLAVE_OVERRIDE": enclave} for name, enclave in enclaves.items()}
