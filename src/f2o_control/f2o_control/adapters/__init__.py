"""Adapters from the bridge's commands to an arm, one file each."""

from __future__ import annotations

from collections.abc import Callable

from f2o_control.adapters.base import (
    Adapter,
    AdapterStatus,
    NamedJoints,
    Numbers,
    Outgoing,
    RosOutput,
    TrajectoryPlan,
)
from f2o_control.adapters.crisp import CrispAdapter
from f2o_control.adapters.jtc import JtcAdapter
from f2o_control.adapters.multipanda import MultipandaAdapter
from f2o_control.adapters.null import NullAdapter
from f2o_control.adapters.udp import UdpAdapter, UdpRules
from f2o_control.errors import UnknownAdapterError
from f2o_control.robot import RobotDescription

ADAPTERS: dict[str, Callable[[RobotDescription, UdpRules], Adapter]] = {
    "crisp": lambda robot, udp: CrispAdapter(robot.joint_names),
    "jtc": lambda robot, udp: JtcAdapter(robot.joint_names),
    "multipanda": lambda robot, udp: MultipandaAdapter(),
    "null": lambda robot, udp: NullAdapter(),
    "udp": lambda robot, udp: UdpAdapter(robot, udp),
}


def make_adapter(name: str, robot: RobotDescription, udp: UdpRules) -> Adapter:
    """The adapter called ``name``; ``udp`` is for udp.

    Raises:
        UnknownAdapterError: there is none of that name.
    """
    if name not in ADAPTERS:
        raise UnknownAdapterError(f"adapter: expected one of {', '.join(ADAPTERS)}, got {name!r}")
    return ADAPTERS[name](robot, udp)


__all__ = [
    "ADAPTERS",
    "Adapter",
    "AdapterStatus",
    "NamedJoints",
    "Numbers",
    "Outgoing",
    "RosOutput",
    "TrajectoryPlan",
    "UdpRules",
    "make_adapter",
]
