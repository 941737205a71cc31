"""f2o_control's bridge and adapter between targets and a world's arm, on the simulated clock. No ROS.

Simulated time is both the bridge's ROS time and its monotonic time. Messages take no time; the bridge's ticks follow
the policy's by ``phase_s``, as on the nodes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from f2o_control.adapters import JtcAdapter
from f2o_control.adapters.base import AdapterStatus, NamedJoints
from f2o_control.bridge import Bridge, Sent
from f2o_control.config import BridgeConfig
from f2o_control.robot import RobotDescription, load_robot
from f2o_control.target import RawTarget
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_sim.controller import Trajectory
from f2o_sim.errors import NotArmedError, SimError
from f2o_sim.fci import FCI
from f2o_sim.world import World

ADAPTERS = ("jtc", FCI)  # whose arm can be simulated here


@runtime_checkable
class Way(Protocol):
    """The way from the bridge's commands to the arm of a world, and back.

    Attributes:
        status: what was known of the arm at first.
        follows_stop: see ``Adapter``.
    """

    status: AdapterStatus
    follows_stop: bool

    def send(self, sent: Sent) -> None:
        """Send a command and the gripper's goal."""
        ...

    def poll(self) -> AdapterStatus:
        """What has come back since the last call; nothing where the world itself is measured."""
        ...

    def step_to(self, time_ns: int) -> None:
        """Run the world up to ``time_ns``."""
        ...

    def close(self) -> None:
        """End what it has started."""
        ...


class TrajectoryWay:
    """Adapter ``jtc`` in front of the world's own controllers."""

    follows_stop = JtcAdapter.follows_stop

    def __init__(self, robot: RobotDescription, world: World) -> None:
        self._world, self._adapter = world, JtcAdapter(robot.joint_names)
        self.status = AdapterStatus()

    def send(self, sent: Sent) -> None:
        """Give the controllers a trajectory, and a goal of the gripper if there is a new one."""
        plan = self._adapter.send(sent.command, sent.gripper_width)
        self._world.command(Trajectory(plan.start_ros_ns, plan.times_ns, plan.positions, plan.velocities))
        if sent.gripper_goal is not None:
            self._world.grip(sent.gripper_goal)

    def poll(self) -> AdapterStatus:
        """Nothing comes back."""
        return AdapterStatus()

    def step_to(self, time_ns: int) -> None:
        """Run the world up to ``time_ns``."""
        self._world.step_to(time_ns)

    def close(self) -> None:
        """There is nothing to end."""


class BridgeLoop:
    """A new bridge per episode, its inputs and its outputs.

    Args:
        robot: YAML file of the robot.
        config: of the bridge; its adapter is ``jtc``, which the world's controllers follow, or ``udp``, with f2o_rt,
            libfranka and a control unit (udp_chain).

    Raises:
        SimError: another adapter.
    """

    def __init__(self, robot: str | Path, config: BridgeConfig) -> None:
        if config.adapter not in ADAPTERS:
            raise SimError(f"adapter: expected {' or '.join(ADAPTERS)} in simulation, got {config.adapter!r}")
        self._path, self._robot, self._config = Path(robot), load_robot(robot), config
        self.period_ns = round(NS_PER_S / config.rate_hz)
        self.phase_ns = round(config.phase_s * NS_PER_S) % self.period_ns
        self._way: Way | None = None

    def reset(self, world: World) -> None:
        """Create a bridge, disarmed, for the arm of ``world`` at its present joints.

        Raises:
            SimError: with adapter ``udp``, a part of its way to the arm does not begin.
        """
        self.close()
        self._world = world
        self._way = self._make_way()
        self.bridge = Bridge(self._robot, self._config, self._poll, self._way.follows_stop)
        self.command = np.append(world.joint_positions(), world.gripper_width())
        self.command_ns = self._sequence = 0
        self._heard: NamedJoints | None = None
        self._width: float | None = None
        self._hear(self._way.status, world.time_ns)

    @property
    def way(self) -> Way:
        """To the arm of the present episode."""
        assert self._way is not None  # after a reset
        return self._way

    def close(self) -> None:
        """End what the way to the arm has started."""
        if self._way is not None:
            self._way.close()
            self._way = None

    def _make_way(self) -> Way:
        if self._config.adapter != FCI:
            return TrajectoryWay(self._robot, self._world)
        from f2o_sim.udp_chain import UdpChain  # pinocchio's and libfranka's, which the other way needs not

        return UdpChain(self._path, self._robot, self._config.udp, self._world)

    def arm(self) -> None:
        """Arm, as an operator would.

        Raises:
            NotArmedError: the bridge refuses; the text is its answer.
        """
        answer = self.bridge.arm(self._world.time_ns)
        if not answer.accepted:
            raise NotArmedError(answer.text)

    @property
    def joints(self) -> NamedJoints:
        """What was last heard of the arm's joints: the adapter's measurement, else the world's present state."""
        if self._heard is not None:
            return self._heard
        world = self._world
        return NamedJoints(world.robot.joint_names, world.joint_positions(), world.joint_velocities())

    @property
    def width(self) -> float:
        """What was last heard of the gripper's width [m]: the adapter's measurement, else the world's."""
        return self._world.gripper_width() if self._width is None else self._width

    def measure_joints(self) -> None:
        """Give the bridge the present joint and gripper states, unless its adapter does."""
        now_ns = self._world.time_ns
        if self._heard is None:
            self.bridge.offer_joints(self._world.joint_positions(), now_ns, now_ns, now_ns)
        if self._width is None:
            self.bridge.offer_gripper(self._world.gripper_width())

    def _poll(self, mono_ns: int) -> str:
        """Why the adapter cannot be used, or ''; joints and widths that it measures count."""
        status = self.way.poll()
        self._hear(status, mono_ns)
        return status.problem

    def _hear(self, status: AdapterStatus, mono_ns: int) -> None:
        if status.joints is not None:
            self._heard = status.joints
            self.bridge.offer_joints(status.joints.positions, mono_ns)
        if status.gripper_width is not None:
            self._width = status.gripper_width
            self.bridge.offer_gripper(status.gripper_width)

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
        self.way.send(sent)
        self.command = np.append(sent.command.state.position, sent.gripper_width)
        self.command_ns = sent.due_ros_ns
