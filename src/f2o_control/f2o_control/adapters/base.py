"""The interface of adapters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from f2o_control.limiter import Command
from f2o_control.limits import Joints


@dataclass(frozen=True)
class TrajectoryPlan:
    """A trajectory_msgs/JointTrajectory."""

    joint_names: tuple[str, ...]
    start_ros_ns: int  # its stamp; 0: it starts on reception
    times_ns: Int64[np.ndarray, " points"]  # from the start, rising
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
    """An adapter's ROS output: the type that ``send`` returns, and its topic's key in the configuration."""

    kind: type[TrajectoryPlan] | type[NamedJoints] | type[Numbers]
    topic: str


@dataclass(frozen=True)
class AdapterStatus:
    """Feedback of the arm or its controller."""

    problem: str = ""  # why the adapter cannot be used, in one sentence
    joints: NamedJoints | None = None  # measured, if new
    gripper_width: float | None = None  # m, measured
    contact: tuple[
        str, ...
    ] = ()  # what of the arm has touched something since the last call (datagrams.CONTACTS)


class Adapter:
    """Sends commands to an arm. None of its methods waits or raises in the loop.

    Attributes:
        output: what ``send`` returns for the node to publish; None for an adapter without ROS output.
        commands_gripper: whether the adapter sends the gripper's width, too.
        controller: name of the ros2_control controller that follows the output; "": none, or one that we do not know.
        says_what_it_holds: whether the controller publishes control_msgs/JointTrajectoryControllerState.
        follows_stop: whether the arm goes on along a command's stop while no other comes, in time with the commands'
            due times. Else it stays at the last command, and the next one goes on from there.
    """

    output: RosOutput | None = None
    commands_gripper: bool = False
    controller: str = ""
    says_what_it_holds: bool = False
    follows_stop: bool = False

    def send(self, command: Command, gripper_width: float) -> Outgoing | None:
        """Send ``command`` and the gripper's goal [m]."""
        raise NotImplementedError

    def take_back(self) -> None:
        """What ``send`` returned last was not published."""

    def poll(self, mono_ns: int) -> AdapterStatus:
        """The arm's status; called once per tick, armed or not. Most controllers give none."""
        return AdapterStatus()

    def recover(self) -> None:
        """Pass on an operator's request to leave a fault."""

    def close(self) -> None:
        """Free resources such as sockets."""
