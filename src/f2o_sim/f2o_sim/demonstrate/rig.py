"""Simulator, bridge and recorder in one process on the simulated clock, for the collector."""

from __future__ import annotations

from typing import Any

import numpy as np
from f2o_perception.frames import Observation
from f2o_policy.data.demonstration import Demonstration, in_motion
from jaxtyping import Float64

from f2o_sim.collector import Scene
from f2o_sim.session import Session, Step

STATES = {"start": "recording", "success": "saved", "discard": "discarded"}


class HeadlessRig:
    """A session whose commands and observations are kept; ``demonstration`` is the last one saved, or None."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._state = "ready"
        self.demonstration: Demonstration | None = None

    def wait_until_complete(self) -> None:
        """Nothing to wait for."""

    def reset(self, seed: int) -> None:
        """Set up the scene of ``seed``."""
        self._session.reset(seed)
        self._observations: list[Observation] = []
        self._stamps: list[int] = []
        self._commands: list[np.ndarray] = []
        self.demonstration = None

    def arm(self) -> None:
        """Arm the session's bridge."""
        self._session.arm()

    def disarm(self) -> None:
        """Nothing to do: a reset follows, which creates a new bridge."""

    def tell_recorder(self, command: str) -> None:
        """Start keeping, or stop with or without a demonstration."""
        self._state = STATES[command.split()[0]]
        if self._state == "recording":
            self._began_ns = self._session.world.time_ns
        if self._state == "saved":
            self.demonstration = self._kept()

    def recorder_is(self, state: str) -> bool:
        """Whether the recorder is in ``state``."""
        return self._state == state

    def tick(self, target: Float64[np.ndarray, " 8"] | None) -> Scene:
        """One tick towards ``target``."""
        step = self._session.step(target)
        if self._state == "recording":
            self._keep(step)
        world = self._session.world
        objects = {name: world.object_pose(name) for name in world.task.object_names}
        return Scene(world.seed, step.joints.positions, step.gripper_width, objects, world.verdict)

    def _keep(self, step: Step) -> None:
        if step.command_ns > (self._stamps[-1] if self._stamps else self._began_ns):
            self._stamps.append(step.command_ns)
            self._commands.append(step.command)
        # Observations of images from before the start are left out: a bag would not hold those images.
        if step.observation is not None and step.observation.stamp_ros_ns >= self._began_ns:
            self._observations.append(step.observation)

    def _kept(self) -> Demonstration:
        stamps, commands = np.array(self._stamps, np.int64), np.array(self._commands)
        verdict, seed = self._session.outcome(), self._session.world.seed
        meta: dict[str, Any] = {"success": verdict.success, "seed": seed, "side": verdict.side}
        task = self._session.world.task.name
        meta |= {"strategy": verdict.side, "task": task, "operator": "scripted", "source": source(task, seed)}
        return Demonstration(in_motion(self._observations, stamps, commands), stamps, commands, meta)


def source(task: str, seed: int) -> str:
    """The ``source`` of a demonstration, by which a resumed command knows it."""
    return f"{task}/{seed}"
