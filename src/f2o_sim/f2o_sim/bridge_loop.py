"""f2o_control's bridge and adapter between targets and a world's controllers, on the simulated clock. No ROS.

Simulated time is both the bridge's ROS time and its monotonic time. Messages take no time; the bridge's ticks follow
the policy's by ``phase_s``, as on the nodes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from f2o_control.adapters import JtcAdapter
from f2o_control.bridge import Bridge, Sent
from f2o_control.config import BridgeConfig
from f2o_control.robot import load_robot
from f2o_control.target import RawTarget
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_sim.controller import Trajectory
from f2o_sim.errors import NotArmedError
from f2o_sim.world import World


class BridgeLoop:
    """A new bridge per episode, its inputs and its outputs.

    Args:
        robot: YAML file of the robot.
        config: of the bridge; the adapter is always ``jtc``, because the world's arm executes trajectories.
    """

    def __init__(self, robot: str | Path, config: BridgeConfig) -> None:
        self._robot, self._config = load_robot(robot), config
        self.period_ns = round(NS_PER_S / config.rate_hz)
        self.phase_ns = round(config.phase_s * NS_PER_S) % self.period_ns

    def reset(self, world: World) -> None:
        """Create a bridge, disarmed, for the arm of ``world`` at its present joints."""
        self._world = world
        self._adapter = JtcAdapter(self._robot.joint_names, self._config.stop_points)
        self.bridge = Bridge(self._robot, self._config)
        self.command = np.append(world.joint_positions(), world.gripper_width())
        self.command_ns = self._sequence = 0

    def arm(self) -> None:
        """Arm, as an operator would.

        Raises:
            NotArmedError: the bridge refuses; the text is its answer.
        """
        answer = self.bridge.arm(1, self._world.time_ns)
        if not answer.accepted:
            raise NotArmedError(answer.text)

    def measure_joints(self) -> None:
        """Give the bridge the present joint states."""
        now_ns = self._world.time_ns
        self.bridge.offer_joints(self._world.joint_positions(), now_ns, now_ns)

    def offer(
        self,
        target: Float64[np.ndarray, " 8"],
        rate: Float64[np.ndarray, " 8"] | None,
        due_ns: int,
        observed_ns: int,
    ) -> None:
        """Give the bridge a target due at ``due_ns``, made from the observation of ``observed_ns`` (0: of none)."""
        now_ns = self._world.time_ns
        velocities = [] if rate is None else rate[:-1].tolist()
        self._sequence += 1
        raw = RawTarget(
            self._robot.joint_names,
            target[:-1].tolist(),
            velocities,
            float(target[-1]),
            due_ns,
            self._config.source,
            self._sequence,
            observed_ns,
        )
        self.bridge.offer_target(raw, now_ns, now_ns)

    def tick(self) -> None:
        """One tick of the bridge; its commands go to the controllers of arm and gripper."""
        now_ns = self._world.time_ns
        sent = self.bridge.tick(now_ns + self.period_ns, now_ns)
        if sent is not None:
            self._send(sent)

    def _send(self, sent: Sent) -> None:
        plan = self._adapter.send(sent.command, sent.gripper_width)
        times_ns = np.round(plan.times_s * NS_PER_S).astype(np.int64)
        self._world.command(Trajectory(0, times_ns, plan.positions, plan.velocities))
        if sent.gripper_goal is not None:
            self._world.grip(sent.gripper_goal)
        self.command = np.append(sent.command.state.position, sent.gripper_width)
        self.command_ns = sent.due_ros_ns
