"""The policy as a state machine of ticks: newest joints and cached embedding in, one joint target out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from f2o_nodekit.errors import F2oError
from f2o_nodekit.latest import Latest
from f2o_nodekit.stamps import NS_PER_S
from f2o_perception.frames import Observation
from jaxtyping import Float32, Float64

from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.engine import Engine
from f2o_policy.runtime.executor import ChunkExecutor, with_prefix
from f2o_policy.runtime.history import Ring
from f2o_policy.spec import PolicySpec


class MismatchError(F2oError):
    """Live topics that are not what the policy was trained on."""


class TickStatus(Enum):
    """Why a tick gave a target or none."""

    OK = "ok"
    NO_OBSERVATION = "waiting for the first observation"
    NO_JOINTS = "waiting for the first joint and gripper state"
    STALE_OBSERVATION = "the newest observation is too old"
    STALE_JOINTS = "the newest joint state is too old"
    NOT_FINITE = "the network's output is not finite"
    FAILED = "the policy failed"


@dataclass(frozen=True)
class Embedded:
    """The embedding of the newest observation and its history, and when the newest one was made, came, was embedded."""

    stamp_ros_ns: int
    vector: Float32[np.ndarray, " E"]
    observed_mono_ns: int = 0
    embedded_mono_ns: int = 0


@dataclass(frozen=True)
class Joints:
    """Joint positions [rad] and gripper width [m], (D,), at ``stamp_ros_ns``."""

    stamp_ros_ns: int
    values: Float64[np.ndarray, " D"]


@dataclass(frozen=True)
class TickResult:
    """What one tick did. ``target`` and what follows is None unless ``status`` is OK."""

    status: TickStatus
    embedded: Embedded | None = None
    observation_age_s: float = float("nan")
    inference_s: float = float("nan")
    target: Float64[np.ndarray, " D"] | None = None
    velocity: Float64[np.ndarray, " D"] | None = None
    chunks: Float64[np.ndarray, "M H D"] | None = None
    chosen: int = 0
    chunk_stamp_ros_ns: int = 0


class Policy:
    """One student, its newest inputs, and the plan under way.

    ``observe`` and ``feel`` may be called from any thread; ``embed_newest`` from the embedding thread alone and
    ``tick`` from the loop's thread alone. They share single references through ``Latest``, never half a value.
    """

    def __init__(
        self,
        engine: Engine,
        config: PolicyConfig,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._engine, self._config, self._clock = engine, config, clock
        self._spec = spec = engine.spec
        self._observations: Latest[tuple[Observation, int]] = Latest()
        self._embedded: Latest[Embedded] = Latest()
        self._joints: Latest[Joints] = Latest()
        self._seen = Ring(spec.history, spec.history_dt_s)
        self._felt = Ring(spec.history, spec.history_dt_s)
        self._executor = ChunkExecutor(config.executor)
        self._rng = np.random.default_rng(config.seed)
        self._noise = self._draw()
        self._dt_ns = round(spec.dt_s * NS_PER_S)
        self._committed = False
        self._restart = True

    @property
    def mode_switches(self) -> int:
        """How often the plan was given up for another since the last ``begin``."""
        return self._executor.switches

    def observe(self, observation: Observation) -> None:
        """Take in an observation.

        Raises:
            MismatchError: its views, image size or joints are not the policy's.
        """
        check_observation(observation, self._spec)
        self._observations.put((observation, self._clock()))

    def feel(self, joints: Joints) -> None:
        """Take in a joint state."""
        self._joints.put(joints)

    def embed_newest(self, timeout_s: float) -> float | None:
        """Wait for an observation and embed it; seconds it took, or None when none came."""
        found = self._observations.wait(timeout_s)
        if found is None:
            return None
        observation, observed_ns = found
        begin_ns = self._clock()
        self._seen.push(observation.stamp_ros_ns, self._engine.embed(observation))
        done_ns = self._clock()
        self._embedded.put(Embedded(observation.stamp_ros_ns, self._seen.nearest(), observed_ns, done_ns))
        return (done_ns - begin_ns) / NS_PER_S

    def warm_up(self, runs: int = 30) -> None:
        """Run the head until its first-call costs are paid."""
        embedding = np.zeros(self._spec.embedding_size, np.float32)
        joints = self._spec.normaliser.proprio.decode(np.zeros(self._spec.action_size))
        for _ in range(runs):
            self._engine.plan(embedding, joints, self._noise)

    def begin(self) -> None:
        """Start an episode: forget the plan, draw new noise, commit from the next tick on."""
        self._noise = self._draw()
        self._restart = True  # before the next: a tick between them must not commit to the plan of before
        self._committed = True

    def end(self) -> None:
        """Stop committing: until ``begin`` every tick starts from the measured joints."""
        self._committed = False

    def tick(self, now_ros_ns: int) -> TickResult:
        """Plan from the newest inputs and read the target that is due now; raises what the engine raises."""
        embedded, joints = self._embedded.get(), self._joints.get()
        status = self._ready(embedded, joints, now_ros_ns)
        if status is not TickStatus.OK or embedded is None or joints is None:
            return TickResult(status)
        if not self._committed or self._restart:
            self._executor.reset(joints.values, now_ros_ns)
            self._restart = False
        age_s = (now_ros_ns - embedded.stamp_ros_ns) / NS_PER_S
        begin = self._clock()
        noise = self._noise if self._config.noise == "held" else self._draw()
        self._felt.push(joints.stamp_ros_ns, joints.values)
        noise = with_prefix(noise, self._spec, self._executor, joints.stamp_ros_ns)
        chunks = self._engine.plan(embedded.vector, self._felt.interpolated(), noise)
        inference_s = (self._clock() - begin) / NS_PER_S
        if not np.isfinite(chunks).all():
            return TickResult(TickStatus.NOT_FINITE, embedded, age_s, inference_s)
        chosen = self._executor.submit(chunks, joints.stamp_ros_ns, self._dt_ns, now_ros_ns)
        target, velocity = self._executor.read(now_ros_ns)
        plan = target, velocity, chunks, chosen, joints.stamp_ros_ns
        return TickResult(status, embedded, age_s, inference_s, *plan)

    def _ready(self, embedded: Embedded | None, joints: Joints | None, now_ros_ns: int) -> TickStatus:
        if embedded is None:
            return TickStatus.NO_OBSERVATION
        if joints is None:
            return TickStatus.NO_JOINTS
        # A stamp from the future is no better: after a step of the clock it would count as fresh for ever.
        if abs(now_ros_ns - embedded.stamp_ros_ns) > self._config.max_observation_age_s * NS_PER_S:
            return TickStatus.STALE_OBSERVATION
        if abs(now_ros_ns - joints.stamp_ros_ns) > self._config.max_joint_state_age_s * NS_PER_S:
            return TickStatus.STALE_JOINTS
        return TickStatus.OK

    def _draw(self) -> Float32[np.ndarray, "M H D"]:
        shape = (self._config.hypotheses, self._spec.horizon, self._spec.action_size)
        return self._rng.standard_normal(shape, dtype=np.float32)


def check_observation(observation: Observation, spec: PolicySpec) -> None:
    """Compare an observation with what the policy was trained on.

    Raises:
        MismatchError: views, image size, joint names or number of points differ.
    """
    size, views = spec.image_size, len(spec.views)
    pairs = (
        ("views", tuple(spec.views), tuple(observation.view_names)),
        ("images of shape", (views, size, size, 3), observation.rgb.shape),
        ("depth of shape", (views, size, size), observation.depth_mm.shape),
        ("joint names", tuple(spec.action_names[:-1]), tuple(observation.joint_names)),
    )
    for what, expected, got in pairs:
        if expected != got:
            raise MismatchError(f"/f2o/observation: the policy expects {what} {expected}, got {got}")
    if len(observation.points) < spec.points:
        raise MismatchError(
            f"/f2o/observation: the policy expects {spec.points} points or more, "
            f"got {len(observation.points)}"
        )
