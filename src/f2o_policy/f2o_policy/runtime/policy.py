"""The policy as a state machine of ticks: newest joints and cached embedding in, one joint target out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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

FOLLOWED = "policy"  # the bridge's mode in which targets move the arm


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
class Plan:
    """Chunks (M, H, D) that begin at ``t0_ros_ns`` and are taken up at ``ready_ros_ns``; what inference took [s]."""

    t0_ros_ns: int
    ready_ros_ns: int
    chunks: Float64[np.ndarray, "M H D"]
    inference_s: float


@dataclass(frozen=True)
class TickResult:
    """What one tick did.

    Attributes:
        status: why there is a target or none.
        embedded: the newest observation; a plan made in this tick is made from it.
        observation_age_s: its age [s].
        inference_s: of a plan made in this tick [s]; NaN where none was.
        target: joints [rad] and gripper width [m] due now; None unless ``status`` is OK, as is ``velocity``.
        velocity: the rate of ``target`` per second.
        chunks: of the plan taken up in this tick; None where none was.
        chosen: which of them is followed.
        chunk_stamp_ros_ns: when they begin.
        jump_rad: by how much taking them up moved the target of now, largest joint [rad].
    """

    status: TickStatus
    embedded: Embedded | None = None
    observation_age_s: float = float("nan")
    inference_s: float = float("nan")
    target: Float64[np.ndarray, " D"] | None = None
    velocity: Float64[np.ndarray, " D"] | None = None
    chunks: Float64[np.ndarray, "M H D"] | None = None
    chosen: int = 0
    chunk_stamp_ros_ns: int = 0
    jump_rad: float = float("nan")


@dataclass(frozen=True)
class Taken:
    """A plan that was taken up, which of its chunks is followed, and the target of now before that."""

    plan: Plan
    chosen: int
    before: Float64[np.ndarray, " D"]

    def added_to(self, result: TickResult) -> TickResult:
        """``result`` of the tick in which it was taken up."""
        jump_rad = float(np.abs(result.target - self.before)[:-1].max())
        return replace(
            result,
            chunks=self.plan.chunks,
            chosen=self.chosen,
            chunk_stamp_ros_ns=self.plan.t0_ros_ns,
            jump_rad=jump_rad,
        )


class Policy:
    """One policy, its newest inputs, and the plan under way.

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
        self._latency_ns = round(config.plan_latency_s * NS_PER_S)
        self._coming: Plan | None = None  # made, not yet taken up
        self._since_plan = config.replan_ticks
        self._mode = ""
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

    def enter(self, mode: str) -> None:
        """The bridge's mode changed: in ``policy`` the plan is committed to, from the start of an episode on."""
        entered, self._mode = mode == FOLLOWED and self._mode != FOLLOWED, mode
        if entered:
            self.begin()
        elif mode != FOLLOWED:
            self.end()

    def begin(self) -> None:
        """Start an episode: forget the plan, draw new noise, commit from the next tick on."""
        self._noise = self._draw()
        self._restart = True  # before the next: a tick between them must not commit to the plan of before
        self._committed = True

    def end(self) -> None:
        """Stop committing: until ``begin`` every tick starts from the measured joints."""
        self._committed = False

    def tick(self, now_ros_ns: int) -> TickResult:
        """Plan from the newest inputs if a plan is due, and read the target of now; raises what the engine raises."""
        embedded, joints = self._embedded.get(), self._joints.get()
        status = self._ready(embedded, joints, now_ros_ns)
        if status is not TickStatus.OK or embedded is None or joints is None:
            return TickResult(status)
        if not self._committed or self._restart:
            self._start_at(joints, now_ros_ns)
        self._felt.push(joints.stamp_ros_ns, joints.values)
        age_s, inference_s = (now_ros_ns - embedded.stamp_ros_ns) / NS_PER_S, float("nan")
        taken = self._take_up(now_ros_ns)
        if self._coming is None and self._since_plan >= self._config.replan_ticks:
            made = self._plan(embedded, joints, now_ros_ns)
            inference_s = made.inference_s
            if not np.isfinite(made.chunks).all():
                return TickResult(TickStatus.NOT_FINITE, embedded, age_s, inference_s)
            self._coming, self._since_plan = made, 0
            taken = self._take_up(now_ros_ns) or taken
        self._since_plan += 1
        target, velocity = self._executor.read(now_ros_ns)
        result = TickResult(status, embedded, age_s, inference_s, target, velocity)
        return result if taken is None else taken.added_to(result)

    def _start_at(self, joints: Joints, now_ros_ns: int) -> None:
        """Drop every plan and hold the measured joints."""
        self._executor.reset(joints.values, now_ros_ns)
        self._coming = None
        if self._restart:
            self._since_plan = self._config.replan_ticks
        self._restart = False

    def _plan(self, embedded: Embedded, joints: Joints, now_ros_ns: int) -> Plan:
        begin = self._clock()
        noise = self._noise if self._config.noise == "held" else self._draw()
        noise = with_prefix(noise, self._spec, self._executor, joints.stamp_ros_ns)
        chunks = self._engine.plan(embedded.vector, self._felt.interpolated(), noise)
        inference_s = (self._clock() - begin) / NS_PER_S
        return Plan(joints.stamp_ros_ns, now_ros_ns + self._latency_ns, chunks, inference_s)

    def _take_up(self, now_ros_ns: int) -> Taken | None:
        """Follow the plan that is ready, if one is."""
        plan = self._coming
        if plan is None or now_ros_ns < plan.ready_ros_ns:
            return None
        self._coming, before = None, self._executor.target(now_ros_ns)
        chosen = self._executor.submit(plan.chunks, plan.t0_ros_ns, self._dt_ns, now_ros_ns)
        return Taken(plan, chosen, before)

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
