"""joint_trajectory_controller, fed one short trajectory a tick."""

from __future__ import annotations

import numpy as np

from f2o_control.adapters.base import Adapter, RosOutput, TrajectoryPlan
from f2o_control.limiter import Command

RESTS = 1e-3  # s: a shorter stop is none


class JtcAdapter(Adapter):
    """Each trajectory says: be at the command by the next tick, and come to rest after that.

    The stop is the limiter's own plan, sampled at ``stop_points`` instants, so it keeps every limit. While ticks
    come in time each trajectory replaces the stop of the one before and nobody sees it; when the bridge dies, the
    arm follows it. Ending at zero velocity is also what the controller demands. Velocities make it interpolate with
    cubics; with positions alone it would go in steps of velocity. The controller has to splice from the desired
    state, not from the measured one: config/controllers.yaml.
    """

    output = RosOutput(TrajectoryPlan, "trajectory")

    def __init__(self, joint_names: tuple[str, ...], stop_points: int) -> None:
        self._joint_names = joint_names
        self._fractions = np.linspace(0.0, 1.0, stop_points + 1)

    def send(self, command: Command, gripper_width: float) -> TrajectoryPlan:
        """The trajectory for ``command``: one point when it is as good as at rest, else 1 + ``stop_points``."""
        stop = command.stop
        if stop.duration < RESTS:
            after_s, positions = np.zeros(1), stop.at(np.inf).position[None]
            velocities = np.zeros_like(positions)
        else:
            after_s = self._fractions * stop.duration
            positions, velocities = stop.sample(after_s)
            velocities[-1] = 0.0
        return TrajectoryPlan(self._joint_names, command.duration_s + after_s, positions, velocities)
