"""ROS time messages to integer nanoseconds and back, without importing ROS."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

NS_PER_S = 1_000_000_000


@runtime_checkable
class HasSecNanosec(Protocol):
    """builtin_interfaces/Time or Duration, of rclpy or of a bag reader."""

    sec: int
    nanosec: int


M = TypeVar("M")


def to_ns(stamp: HasSecNanosec) -> int:
    """Nanoseconds of a Time or Duration message."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def from_ns(ns: int, stamp_cls: type[M]) -> M:
    """A message of ``stamp_cls`` (Time or Duration) for ``ns`` nanoseconds."""
    fields: dict[str, Any] = {"sec": int(ns) // NS_PER_S, "nanosec": int(ns) % NS_PER_S}
    return stamp_cls(**fields)
