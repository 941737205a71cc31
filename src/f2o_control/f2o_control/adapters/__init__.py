"""The ways from a command to an arm, by name: one file each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from f2o_control.adapters.base import Adapter, FarEnd, NamedJoints, Numbers, Outgoing, Outlet, TrajectoryPlan
from f2o_control.adapters.crisp import CrispAdapter
from f2o_control.adapters.jtc import JtcAdapter
from f2o_control.adapters.multipanda import MultipandaAdapter
from f2o_control.adapters.null import NullAdapter
from f2o_control.adapters.udp import UdpAdapter, UdpRules
from f2o_control.errors import UnknownAdapterError
from f2o_control.robot import RobotDescription

if TYPE_CHECKING:
    from f2o_control.config import BridgeConfig

ADAPTERS: dict[str, Callable[[RobotDescription, BridgeConfig], Adapter]] = {
    "crisp": lambda robot, config: CrispAdapter(robot.joint_names),
    "jtc": lambda robot, config: JtcAdapter(robot.joint_names, config.stop_points),
    "multipanda": lambda robot, config: MultipandaAdapter(),
    "null": lambda robot, config: NullAdapter(),
    "udp": lambda robot, config: UdpAdapter(robot, config.udp),
}


def make_adapter(robot: RobotDescription, config: BridgeConfig) -> Adapter:
    """The adapter that the configuration names.

    Raises:
        UnknownAdapterError: there is none of that name.
    """
    if config.adapter not in ADAPTERS:
        raise UnknownAdapterError(
            f"adapter: expected one of {', '.join(sorted(ADAPTERS))}, got {config.adapter!r}"
        )
    return ADAPTERS[config.adapter](robot, config)


__all__ = [
    "ADAPTERS",
    "Adapter",
    "FarEnd",
    "NamedJoints",
    "Numbers",
    "Outgoing",
    "Outlet",
    "TrajectoryPlan",
    "UdpRules",
    "make_adapter",
]
