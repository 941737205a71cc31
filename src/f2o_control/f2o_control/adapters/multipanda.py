"""multipanda_ros2's joint impedance controller (Panda/FER): one Float64MultiArray per tick."""

from __future__ import annotations

from f2o_control.adapters.base import Adapter, Numbers, RosOutput
from f2o_control.limiter import Command

NOT_ZERO = 1e-9  # rad


class MultipandaAdapter(Adapter):
    """The next positions, in the robot's order.

    The controller (franka_controllers, joint_impedance_controller.cpp) has neither interpolation nor watchdog: when the
    bridge dies, the arm stops at the last position. It drops messages whose first number is exactly 0, as the first
    joint of the ready pose is: a nanoradian is sent instead.
    """

    output = RosOutput(Numbers, "multipanda")

    def send(self, command: Command, gripper_width: float) -> Numbers:
        """The positions at the end of the tick."""
        values = command.state.position.copy()
        values[0] = values[0] or NOT_ZERO
        return Numbers(values)
