"""joint_trajectory_controller: one short trajectory per tick."""

from __future__ import annotations

import numpy as np

from f2o_control.adapters.base import Adapter, RosOutput, TrajectoryPlan
from f2o_control.limiter import Command

SHORTEST_STOP_S = 1e-3  # a shorter stop is left out


class JtcAdapter(Adapter):
    """Each trajectory reaches the command by the next tick and comes to rest after it.

    The stop is the limiter's own, sampled at ``stop_points`` instants, so it keeps every limit. While ticks come in
    time each trajectory replaces the stop of the one before; when the bridge dies, the arm follows the stop. The
    controller requires the zero velocity at the end, interpolates with cubics where velocities are given, and has to
    splice from the desired state instead of the measured one: config/controllers.yaml.
    """

    output = RosOutput(TrajectoryPlan, "trajectory")

    def __init__(self, joint_names: tuple[str, ...], stop_points: int) -> None:
        self._joint_names = joint_names
        self._fractions = np.linspace(0.0, 1.0, stop_points + 1)

    def send(self, command: Command, gripper_width: float) -> TrajectoryPlan:
        """The trajectory for ``command``: one point at rest, else 1 + ``stop_points``."""
        stop = command.stop
        if stop.duration < SHORTEST_STOP_S:
            after_s, positions = np.zeros(1), stop.at(np.inf).position[None]
            velocities = np.zeros_like(positions)
        else:
            after_s = self._fractions * stop.duration
            positions, velocities = stop.sample(after_s)
            velocities[-1] = 0.0
        return TrajectoryPlan(self._joint_names, command.duration_s + after_s, positions, velocities)
