"""The policy, one tick at a time: newest joint state and cached embedding in, one joint target out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from f2o_nodekit.latest import Latest
from f2o_nodekit.robot import read_robot
from f2o_nodekit.stamps import NS_PER_S
from f2o_perception.frames import Observation
from jaxtyping import Float32, Float64

from f2o_policy.action_space import TcpSpace
from f2o_policy.errors import MismatchError
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.engine import Engine
from f2o_policy.runtime.executor import ChunkExecutor, with_prefix
from f2o_policy.runtime.history import HistoryBuffer
from f2o_policy.spec import PolicySpec

FOLLOWED = "policy"  # the bridge's mode in which it follows the policy


class TickStatus(Enum):
    """Why a tick has a target or none."""

    OK = "ok"
    NO_OBSERVATION = "waiting for the first observation"
    NO_JOINTS = "waiting for the first joint and gripper state"
    CLOCK_STOPPED = "ROS time stands still: /clock has stopped"
    STALE_OBSERVATION = "the newest observation is too old"
    STALE_JOINTS = "the newest joint state is too old"
    NOT_FINITE = "the network's output is not finite"
    FAILED = "the policy failed"


@dataclass(frozen=True)
class Embedded:
    """The embedding of the newest observation and its history; stamp, arrival and completion of the newest."""

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
class Inputs:
    """Stamp [ROS ns] and arrival [monotonic ns] of the newest inputs; None before the first."""

    observation: tuple[int, int] | None
    joints: tuple[int, int] | None
    embedded_ros_ns: int | None  # stamp of the newest observation that is embedded


@dataclass(frozen=True)
class Plan:
    """Chunks (M, H, D) that begin at ``t0_ros_ns`` and are adopted at ``ready_ros_ns``; inference time [s].

    ``out_of_reach`` of their poses were replaced, see ``TcpSpace.joints``.
    """

    t0_ros_ns: int
    ready_ros_ns: int
    chunks: Float64[np.ndarray, "M H D"]
    inference_s: float
    out_of_reach: int = 0


@dataclass(frozen=True)
class TickResult:
    """The result of one tick.

    Attributes:
        status: why there is a target or none.
        embedded: the newest observation, from which a plan of this tick is made.
        observation_age_s: its age [s].
        inference_s: of a plan made in this tick [s]; else NaN.
        target: joints [rad] and gripper width [m] due now; like ``velocity`` None unless ``status`` is OK.
        velocity: the rate of ``target`` per second.
        chunks: of the plan adopted in this tick; else None.
        chosen: the index of the followed chunk.
        chunk_stamp_ros_ns: the time of its first point.
        jump_rad: change of the target of now by that plan, largest joint [rad].
        out_of_reach: poses of that plan that the arm cannot reach; it holds the joints before them.
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
    out_of_reach: int = 0


@dataclass(frozen=True)
class AdoptedPlan:
    """A plan adopted in this tick, the index of its followed chunk, and the target of now before."""

    plan: Plan
    chosen: int
    before: Float64[np.ndarray, " D"]

    def added_to(self, result: TickResult) -> TickResult:
        """``result`` of the tick, with this plan."""
        jump_rad = float(np.abs(result.target - self.before)[:-1].max())
        return replace(
            result,
            chunks=self.plan.chunks,
            chosen=self.chosen,
            chunk_stamp_ros_ns=self.plan.t0_ros_ns,
            jump_rad=jump_rad,
            out_of_reach=self.plan.out_of_reach,
        )


class Policy:
    """One policy, its newest inputs, and its current plan.

    ``push_observation`` and ``push_joint_state`` may be called from any thread; ``embed_newest`` only from the
    embedding thread and ``tick`` only from the loop's thread. They exchange whole objects through ``Latest``.

    Raises:
        ConfigError, RobotModelError, ChainError: the actions are poses, and the robot's description cannot be used.
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
        self._joints_mono_ns = 0  # their arrival
        self._advance = (-1, 0)  # newest ROS time of a tick, and since when [monotonic ns]
        self._observation_history = HistoryBuffer(spec.history, spec.history_dt_s)
        self._joint_history = HistoryBuffer(spec.history, spec.history_dt_s)
        self._tcp = TcpSpace(read_robot(config.robot)) if spec.action_space == "tcp" else None
        self._executor = ChunkExecutor(config.executor)
        self._rng = np.random.default_rng(config.seed)
        self._noise = self._draw()
        self._dt_ns = round(spec.dt_s * NS_PER_S)
        self._latency_ns = round(config.plan_latency_s * NS_PER_S)
        self._pending: Plan | None = None  # made, not yet adopted
        self._since_plan = config.replan_ticks
        self._mode = ""
        self._committed = False
        self._restart = True

    @property
    def mode_switches(self) -> int:
        """How often the mode of the plan changed since the last ``begin_episode``."""
        return self._executor.switches

    @property
    def inputs(self) -> Inputs:
        """The newest inputs, for a diagnosis."""
        seen, joints, embedded = self._observations.get(), self._joints.get(), self._embedded.get()
        return Inputs(
            observation=None if seen is None else (seen[0].stamp_ros_ns, seen[1]),
            joints=None if joints is None else (joints.stamp_ros_ns, self._joints_mono_ns),
            embedded_ros_ns=None if embedded is None else embedded.stamp_ros_ns,
        )

    def push_observation(self, observation: Observation) -> None:
        """Set the newest observation.

        Raises:
            MismatchError: its views, image size or joints are not the policy's.
        """
        check_observation(observation, self._spec)
        self._observations.put((observation, self._clock()))

    def push_joint_state(self, joints: Joints) -> None:
        """Set the newest joint state."""
        self._joints_mono_ns = self._clock()
        self._joints.put(joints)

    def embed_newest(self, timeout_s: float) -> float | None:
        """Wait for an observation and embed it; returns the seconds it took, None without an observation."""
        found = self._observations.wait(timeout_s)
        if found is None:
            return None
        observation, observed_ns = found
        begin_ns = self._clock()
        self._observation_history.push(observation.stamp_ros_ns, self._engine.embed(observation))
        done_ns = self._clock()
        self._embedded.put(
            Embedded(observation.stamp_ros_ns, self._observation_history.nearest(), observed_ns, done_ns)
        )
        return (done_ns - begin_ns) / NS_PER_S

    def warm_up(self, runs: int = 30) -> None:
        """Run the head until allocations and kernel selection are done."""
        embedding = np.zeros(self._spec.embedding_size, np.float32)
        joints = self._spec.normaliser.proprio.decode(np.zeros(self._spec.joint_size))
        for _ in range(runs):
            self._in_joints(self._engine.plan(embedding, joints, self._noise), joints)

    def set_mode(self, mode: str) -> None:
        """Set the bridge's mode: an episode begins with the mode ``policy`` and ends with another."""
        entered, self._mode = mode == FOLLOWED and self._mode != FOLLOWED, mode
        if entered:
            self.begin_episode()
        elif mode != FOLLOWED:
            self.end_episode()

    def begin_episode(self) -> None:
        """Drop the plan, draw new noise, and commit to plans from the next tick on."""
        self._noise = self._draw()
        self._restart = True  # before _committed, so that a tick in between does not commit to the old plan
        self._committed = True

    def end_episode(self) -> None:
        """Stop committing: until ``begin_episode`` every tick starts from the measured joints."""
        self._committed = False

    def tick(self, now_ros_ns: int) -> TickResult:
        """Plan from the newest inputs if a plan is due, and read the target of now."""
        embedded, joints = self._embedded.get(), self._joints.get()
        status = self._ready(embedded, joints, now_ros_ns)
        if status is not TickStatus.OK or embedded is None or joints is None:
            return TickResult(status)
        if not self._committed or self._restart:
            self._start_at(joints, now_ros_ns)
        self._joint_history.push(joints.stamp_ros_ns, joints.values)
        age_s, inference_s = (now_ros_ns - embedded.stamp_ros_ns) / NS_PER_S, float("nan")
        adopted = self._adopt_pending(now_ros_ns)
        if self._pending is None and self._since_plan >= self._config.replan_ticks:
            made = self._plan(embedded, joints, now_ros_ns)
            inference_s = made.inference_s
            if not np.isfinite(made.chunks).all():
                return TickResult(TickStatus.NOT_FINITE, embedded, age_s, inference_s)
            self._pending, self._since_plan = made, 0
            adopted = self._adopt_pending(now_ros_ns) or adopted
        self._since_plan += 1
        target, velocity = self._executor.read(now_ros_ns)
        result = TickResult(status, embedded, age_s, inference_s, target, velocity)
        return result if adopted is None else adopted.added_to(result)

    def _start_at(self, joints: Joints, now_ros_ns: int) -> None:
        """Drop every plan and hold the measured joints."""
        self._executor.reset(joints.values, now_ros_ns)
        self._pending = None
        if self._restart:
            self._since_plan = self._config.replan_ticks
        self._restart = False

    def _plan(self, embedded: Embedded, joints: Joints, now_ros_ns: int) -> Plan:
        begin = self._clock()
        noise = self._noise if self._config.noise == "fixed" else self._draw()
        noise = with_prefix(noise, self._spec, self._executor, joints.stamp_ros_ns, self._tcp)
        actions = self._engine.plan(embedded.vector, self._joint_history.interpolated(), noise)
        chunks, out_of_reach = self._in_joints(actions, joints.values)
        inference_s = (self._clock() - begin) / NS_PER_S
        return Plan(joints.stamp_ros_ns, now_ros_ns + self._latency_ns, chunks, inference_s, out_of_reach)

    def _in_joints(
        self, actions: Float64[np.ndarray, "M H A"], start: Float64[np.ndarray, " D"]
    ) -> tuple[Float64[np.ndarray, "M H D"], int]:
        """Chunks of actions as chunks of joints, and how many of their poses are out of reach."""
        return (actions, 0) if self._tcp is None else self._tcp.joints(actions, start, self._spec.dt_s)

    def _adopt_pending(self, now_ros_ns: int) -> AdoptedPlan | None:
        """Follow the pending plan once it is ready."""
        plan = self._pending
        if plan is None or now_ros_ns < plan.ready_ros_ns:
            return None
        self._pending, before = None, self._executor.target(now_ros_ns)
        chosen = self._executor.submit(plan.chunks, plan.t0_ros_ns, self._dt_ns, now_ros_ns)
        return AdoptedPlan(plan, chosen, before)

    def _ready(self, embedded: Embedded | None, joints: Joints | None, now_ros_ns: int) -> TickStatus:
        if embedded is None:
            return TickStatus.NO_OBSERVATION
        if joints is None:
            return TickStatus.NO_JOINTS
        if self._time_stands(now_ros_ns):
            return TickStatus.CLOCK_STOPPED
        # A stamp in the future is stale as well: after a step of the clock it would count as fresh for ever.
        if abs(now_ros_ns - embedded.stamp_ros_ns) > self._config.max_observation_age_s * NS_PER_S:
            return TickStatus.STALE_OBSERVATION
        if abs(now_ros_ns - joints.stamp_ros_ns) > self._config.max_joint_state_age_s * NS_PER_S:
            return TickStatus.STALE_JOINTS
        return TickStatus.OK

    def _time_stands(self, now_ros_ns: int) -> bool:
        """Whether ROS time has not advanced for as long as an observation may be old: then none ever gets too old."""
        mono_ns = self._clock()
        if now_ros_ns != self._advance[0]:
            self._advance = (now_ros_ns, mono_ns)
        return mono_ns - self._advance[1] > self._config.max_observation_age_s * NS_PER_S

    def _draw(self) -> Float32[np.ndarray, "M H D"]:
        shape = (self._config.hypotheses, self._spec.horizon, self._spec.action_size)
        return self._rng.standard_normal(shape, dtype=np.float32)


def check_observation(observation: Observation, spec: PolicySpec) -> None:
    """Check an observation against the training data of the policy.

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
