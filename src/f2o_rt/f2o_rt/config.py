"""What config/receiver.yaml says."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from f2o_control.limits import Limits
from f2o_control.robot import RobotDescription, Scale

ARMS = ("mock", "pylibfranka")


@dataclass(frozen=True)
class Timing:
    """When the receiver stops to wait [s], monotonic clock."""

    target_period_s: float = 0.008  # between two targets, as the bridge sends them
    brake_after_s: float = (
        0.017  # after the first missing one; then it brakes. One cycle less than it may take
    )
    max_staleness_s: float = (
        0.05  # a target that was under way this much longer than the quickest does not count
    )
    restart_after_s: float = (
        0.35  # after so long a silence that met a moving arm, it has to begin again: at rest
    )
    sender_timeout_s: float = 1.0  # after so long a silence another bridge may take over

    def check(self) -> list[str]:
        """Messages about times out of order."""
        if (
            self.target_period_s >= 0.001
            and 0 <= self.brake_after_s <= 0.1
            and 0 < self.max_staleness_s < self.sender_timeout_s
        ):
            return []
        return [
            "timing: expected target_period_s >= 0.001, 0 <= brake_after_s <= 0.1 and "
            "0 < max_staleness_s < sender_timeout_s"
        ]


@dataclass(frozen=True)
class ReceiverConfig:
    """The receiver's configuration; every default stands here and nowhere else."""

    robot: str = "panda"  # robot_<name>.yaml beside the file
    arm: str = "mock"  # mock (simulated, enforces the arm's own rules) or pylibfranka
    robot_ip: str = "172.16.0.2"  # of the arm's control unit, for pylibfranka
    listen: str = "127.0.0.1"  # address of the interface that the bridge is reached by
    port: int = 47110
    fifo_priority: int = 80  # SCHED_FIFO where the system grants it; 0: do not ask
    cpu: int = -1  # the core to stay on; -1: any
    max_start_error_rad: float = 0.05  # a target farther from where the arm is than this does not count
    timing: Timing = field(default_factory=Timing)
    scale: Scale = field(default_factory=lambda: Scale(velocity=1.0, acceleration=0.95, jerk=0.6))
    trace: str = ""  # path of an .npz with every cycle, written on exit
    trace_s: float = 600.0  # the newest so many seconds are kept

    def check(self) -> list[str]:
        """Messages about values that do not fit."""
        problems = []
        if self.arm not in ARMS:
            problems.append(f"arm: expected {' or '.join(ARMS)}, got {self.arm!r}")
        if not 0 < self.port < 65536:
            problems.append(f"port: expected 1 to 65535, got {self.port}")
        if not 0 <= self.fifo_priority <= 99:
            problems.append(f"fifo_priority: expected 0 to 99, got {self.fifo_priority}")
        if not 0 < self.max_start_error_rad <= 0.2:
            problems.append(
                f"max_start_error_rad: expected more than 0 and at most 0.2, got {self.max_start_error_rad}"
            )
        if not 0 < self.trace_s <= 7200:
            problems.append(f"trace_s: expected more than 0 and at most 7200, got {self.trace_s}")
        return problems


def receiver_limits(robot: RobotDescription, scale: Scale) -> Limits:
    """The limits of the 1 kHz output: more than the bridge uses, to catch up with it, and less than the arm's."""
    return dataclasses.replace(robot, profiles={"receiver": scale}).limits("receiver")
