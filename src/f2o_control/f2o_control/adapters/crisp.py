"""crisp_controllers' joint impedance: one JointState per tick on ``target_joint``."""

from __future__ import annotations

from f2o_control.adapters.base import Adapter, NamedJoints, RosOutput
from f2o_control.limiter import Command


class CrispAdapter(Adapter):
    """The next position and velocity, in the robot's order.

    The controller (crisp_controllers, cartesian_controller.cpp) reads both by index and not by name, ignores every
    message while there are two publishers, and has no watchdog: when the bridge dies, the arm goes to the last
    position and holds it. The controller filters at 1 kHz, so this is no step of the arm.
    """

    output = RosOutput(NamedJoints, "crisp")
    controller = "joint_impedance_controller"

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        self._joint_names = joint_names

    def send(self, command: Command, gripper_width: float) -> NamedJoints:
        """The state at the end of the tick."""
        return NamedJoints(self._joint_names, command.state.position, command.state.velocity)
