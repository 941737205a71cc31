"""The robot's loop on simulated time."""

from __future__ import annotations

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_policy.evaluation.contender import Contender
from f2o_policy.evaluation.environment import StepLike
from f2o_policy.evaluation.motion import Motion
from f2o_policy.runtime.engine import Engine
from f2o_policy.runtime.executor import ChunkExecutor, with_prefix
from f2o_policy.runtime.history import Ring

TICK_S = 0.008


class Pilot:
    """The runtime's loop on simulated time: embeds what arrives, plans every few ticks, reads a target every tick."""

    def __init__(self, engine: Engine, contender: Contender, seed: int) -> None:
        spec = engine.spec
        self._engine, self._contender = engine, contender
        self._rng = np.random.default_rng([seed, 5])
        self._shape = (contender.hypotheses, spec.horizon, spec.action_size)
        self._held = self._draw()
        self._seen, self._felt = (Ring(spec.history, spec.history_dt_s) for _ in range(2))
        self._embedding: np.ndarray | None = None
        self._ticks = 0
        self._coming: tuple[int, int, np.ndarray] | None = (
            None  # when a plan is ready, its time zero, its chunks
        )
        self.executor = ChunkExecutor(contender.executor)

    def begin(self, step: StepLike) -> None:
        """Stand where the arm stands."""
        self.executor.reset(state(step), step.time_ns)

    def tick(self, step: StepLike, motion: Motion) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The target for now and its rate per second; None before the first observation."""
        if step.observation is not None:
            self._seen.push(step.observation.stamp_ros_ns, self._engine.embed(step.observation))
            self._embedding = self._seen.nearest()
        self._felt.push(step.time_ns, state(step))
        self._submit(step.time_ns, motion)
        due = self._ticks % self._contender.replan_ticks == 0
        if self._embedding is not None and due and self._coming is None:
            self._plan(step.time_ns, self._embedding)
            self._submit(step.time_ns, motion)
        self._ticks += 1
        return (None, None) if self._embedding is None else self.executor.read(step.time_ns)

    def _plan(self, now_ns: int, embedding: np.ndarray) -> None:
        noise = self._held if self._contender.noise == "held" else self._draw()
        noise = with_prefix(noise, self._engine.spec, self.executor, now_ns)
        chunks = self._engine.plan(embedding, self._felt.interpolated(), noise)
        self._coming = now_ns + round(self._contender.latency_s * NS_PER_S), now_ns, chunks

    def _submit(self, now_ns: int, motion: Motion) -> None:
        """Take in the plan under way, if its time has come."""
        if self._coming is None or now_ns < self._coming[0]:
            return
        (_, t0_ns, chunks), self._coming = self._coming, None
        next_ns = now_ns + round(TICK_S * NS_PER_S)
        before = self.executor.target(next_ns)
        self.executor.submit(chunks, t0_ns, round(self._engine.spec.dt_s * NS_PER_S), now_ns)
        motion.replanned(before, self.executor.target(next_ns))

    def _draw(self) -> np.ndarray:
        return self._rng.standard_normal(self._shape, dtype=np.float32)


def state(step: StepLike) -> np.ndarray:
    """Seven joints [rad] and the gripper's width [m]."""
    return np.array([*step.joints.positions, step.gripper_width], np.float64)
