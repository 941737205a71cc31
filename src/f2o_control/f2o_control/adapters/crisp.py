"""crisp_controllers' joint impedance: a JointState a tick on ``target_joint``."""

from __future__ import annotations

from f2o_control.adapters.base import Adapter, NamedJoints, RosOutput
from f2o_control.limiter import Command


class CrispAdapter(Adapter):
    """The next position and velocity, in the robot's order.

    The controller (crisp_controllers, cartesian_controller.cpp) takes both by place and not by name, ignores every
    message while there are two publishers, and has no watchdog: when the bridge dies it pulls the arm to the last
    position and holds it there. It smooths at 1 kHz, so that this is a step of its filter, not of the arm.
    """

    output = RosOutput(NamedJoints, "crisp")

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        self._joint_names = joint_names

    def send(self, command: Command, gripper_width: float) -> NamedJoints:
        """The state to be in after the tick."""
        return NamedJoints(self._joint_names, command.state.position, command.state.velocity)
