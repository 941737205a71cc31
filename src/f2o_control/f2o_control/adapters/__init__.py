"""The ways from a command to an arm, by name: one file each."""

from __future__ import annotations

from collections.abc import Callable

from f2o_control.adapters.base import Adapter, TrajectoryPlan
from f2o_control.adapters.jtc import JtcAdapter
from f2o_control.adapters.null import NullAdapter
from f2o_control.errors import UnknownAdapterError

ADAPTERS: dict[str, Callable[[tuple[str, ...], int], Adapter]] = {
    "jtc": JtcAdapter,
    "null": lambda joint_names, stop_points: NullAdapter(),
}


def make_adapter(name: str, joint_names: tuple[str, ...], stop_points: int) -> Adapter:
    """The adapter called ``name``.

    Raises:
        UnknownAdapterError: there is none of that name.
    """
    if name not in ADAPTERS:
        raise UnknownAdapterError(f"adapter: expected one of {', '.join(sorted(ADAPTERS))}, got {name!r}")
    return ADAPTERS[name](joint_names, stop_points)


__all__ = ["ADAPTERS", "Adapter", "TrajectoryPlan", "make_adapter"]
