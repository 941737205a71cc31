"""What an adapter is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from f2o_control.limiter import Command
from f2o_control.limits import Joints


@dataclass(frozen=True)
class TrajectoryPlan:
    """A trajectory_msgs/JointTrajectory to be started on reception."""

    joint_names: tuple[str, ...]
    times_s: Float64[np.ndarray, " points"]  # from the start, rising
    positions: Float64[np.ndarray, "points joints"]  # rad
    velocities: Float64[np.ndarray, "points joints"]  # rad/s; the last row is 0


@dataclass(frozen=True)
class NamedJoints:
    """A sensor_msgs/JointState."""

    joint_names: tuple[str, ...]
    positions: Joints  # rad
    velocities: Joints  # rad/s


@dataclass(frozen=True)
class Numbers:
    """A std_msgs/Float64MultiArray."""

    values: Float64[np.ndarray, " values"]


Outgoing = TrajectoryPlan | NamedJoints | Numbers


@dataclass(frozen=True)
class RosOutput:
    """What an adapter sends through ROS: the type that ``send`` returns, and its topic's key in the configuration."""

    kind: type[TrajectoryPlan] | type[NamedJoints] | type[Numbers]
    topic: str


@dataclass(frozen=True)
class AdapterStatus:
    """What is known of the other side; all of it may be nothing."""

    problem: str = ""  # why it cannot be used, in one sentence
    joints: NamedJoints | None = None  # measured there, when new
    gripper_width: float | None = None  # m, measured there


class Adapter:
    """One way from a command to an arm. None of its methods waits or raises in the loop.

    Attributes:
        output: what ``send`` returns for the node to publish; None for an adapter that returns nothing.
        commands_gripper: the adapter takes the gripper's width along, nobody else needs to be told.
    """

    output: RosOutput | None = None
    commands_gripper: bool = False

    def send(self, command: Command, gripper_width: float) -> Outgoing | None:
        """Send ``command`` and the gripper's goal [m]."""
        raise NotImplementedError

    def poll(self, mono_ns: int) -> AdapterStatus:
        """Ask how the other side is; called once a tick, armed or not. Most controllers do not say."""
        return AdapterStatus()

    def recover(self) -> None:
        """A person wants to leave a fault: pass it on."""

    def close(self) -> None:
        """Free sockets and the like."""
