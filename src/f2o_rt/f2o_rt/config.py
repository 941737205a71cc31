"""The configuration in config/receiver.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Literal

from f2o_control.key import MAKE, is_loopback
from f2o_control.limits import Limits
from f2o_control.robot import RobotDescription, Scale
from f2o_nodekit.config import STRICT, ConfigPath, rules
from f2o_nodekit.fields import FifoPriority, NotNegative, Port, Positive, WrittenPath
from f2o_nodekit.robot import RobotWord
from pydantic import Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=STRICT)
class Timing:
    """Timeouts [s], monotonic clock."""

    target_period_s: Annotated[float, Field(ge=0.001)] = 0.008  # between two targets of the bridge
    brake_after_s: Annotated[float, Field(ge=0, le=0.1)] = 0.017
    """From the first missing target to braking, less one cycle."""
    max_staleness_s: Positive = 0.05
    """A target delayed by more than this over the fastest one is refused."""
    restart_after_s: Positive = 0.35
    """After braking for missing targets this long, the next target must be at rest and near the arm."""
    sender_timeout_s: float = 1.0  # without a datagram from its bridge; then another bridge may connect

    @rules
    def _order(self) -> Iterator[str]:
        if not self.max_staleness_s < self.sender_timeout_s:
            limit = f"expected less than sender_timeout_s ({self.sender_timeout_s:g})"
            yield f"max_staleness_s: {limit}, got {self.max_staleness_s:g}"


@dataclass(frozen=True, config=STRICT)
class ReceiverConfig:
    """The receiver's configuration; every default stands here and nowhere else."""

    robot: RobotWord = "panda"
    arm: Literal["mock", "pylibfranka"] = "mock"  # mock: simulated, enforces the rules of the real interface
    robot_ip: str = "172.16.0.2"  # of the arm's control unit, for pylibfranka
    realtime: Literal["enforce", "ignore"] = "enforce"
    """Whether libfranka refuses a kernel without PREEMPT_RT (its RealtimeConfig)."""
    wait_s: NotNegative = 0.0  # how long to try to reach the arm at the start
    profile: str = "normal"  # of the robot's file: its share of the thresholds of contact
    listen: str = "127.0.0.1"  # address of the network interface towards the bridge
    port: Port = 47110
    key: ConfigPath = ""
    """File with the key that the bridge has, too (``python -m f2o_rt key FILE``); "": only this machine is heard."""
    fifo_priority: FifoPriority = 80
    cpu: Annotated[int, Field(ge=-1)] = -1  # core to run on; -1: any
    max_start_error_rad: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    """A target farther from the arm's position is refused."""
    timing: Timing = field(default_factory=Timing)
    scale: Scale = field(default_factory=lambda: Scale(velocity=1.0, acceleration=0.95, jerk=0.6))
    trace: WrittenPath = ""  # .npz with every cycle
    trace_s: Annotated[float, Field(gt=0, le=7200)] = 600.0  # seconds kept, the newest

    @rules
    def _known_bridge(self) -> Iterator[str]:
        if not self.key and not is_loopback(self.listen):
            yield f"key: listen: {self.listen} is reached from other machines; expected a file that {MAKE} wrote"


def receiver_limits(robot: RobotDescription, scale: Scale) -> Limits:
    """The limits of the 1 kHz output: wider than the bridge's, to catch up with it, and inside the arm's."""
    return robot.scaled(scale)
