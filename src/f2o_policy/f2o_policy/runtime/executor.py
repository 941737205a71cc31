"""Receding-horizon execution of chunks with commitment: one plan, corrected by every new batch of hypotheses."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import NotNegative, Positive
from f2o_nodekit.minimum_jerk import minimum_jerk
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float32, Float64
from pydantic.dataclasses import dataclass

from f2o_policy.action_space import TcpSpace
from f2o_policy.runtime.chunk import Chunk, catmull_rom
from f2o_policy.runtime.postpone import postpone
from f2o_policy.runtime.stall_avoidance import advance
from f2o_policy.spec import PolicySpec

SAME_MODE_RAD = 0.075  # two plans further apart (RMS over joints) are of different modes; see agree_rad


@dataclass(frozen=True, config=STRICT)
class ExecutorConfig:
    """How hypotheses are chosen and blended, and how targets are read.

    Attributes:
        selection: ``agree``: hypotheses of the plan's mode correct it, see ``ChunkExecutor``. Two baselines:
            ``nearest`` follows the hypothesis nearest to the plan, ``newest`` the first of every batch, which is
            receding-horizon control without commitment.
        blend_s: time constant with which the current plan follows the agreeing hypotheses [s].
        stall_avoidance_s: by how much a hypothesis that delays the plan may be advanced before it is blended in [s],
            see ``advance``; 0: not at all. Longer than the pauses of the demonstrations.
        agree_rad: RMS joint distance up to which a hypothesis is of the plan's mode [rad]. In the teacher's sets of
            reach_around, over the whole chunk, 99 % of the pairs of one side are within 0.07 (90 % within 0.013), and
            99 % of the pairs of different sides further apart than 0.076.
        agree_s: how far ahead hypotheses are compared with the current plan [s]. The whole chunk: over the first 0.8 s
            different sides are only 0.01 apart, and would be averaged.
        escape_rad: RMS joint distance from the plan up to which the nearest hypothesis is blended into it once none has
            agreed for ``escape_s``; if even the nearest is further away, it replaces the plan [rad].
        escape_s: time without an agreeing hypothesis before that [s].
        splice_s: time over which the jump to a new plan is spread, starting at the last target [s].
        max_splice_rad: largest RMS joint distance of such a jump; a chunk so late that its present point is further
            from the last target is postponed, see ``postpone`` [rad].
        action_latency_s: how far ahead of now the target is read, to compensate the latency of the arm [s].
    """

    selection: Literal["agree", "nearest", "newest"] = "agree"
    blend_s: Positive = 0.3
    stall_avoidance_s: NotNegative = 0.3
    agree_rad: Positive = 0.05
    agree_s: Positive = 1.5
    escape_rad: Positive = 0.15
    escape_s: Positive = 0.16
    splice_s: Positive = 0.3
    max_splice_rad: Positive = 0.05
    action_latency_s: NotNegative = 0.008


class ChunkExecutor:
    """Keeps one plan on an absolute time grid and reads joint targets from it.

    Each ``submit`` brings M hypotheses for the same time. The mean of those within ``agree_rad`` of the current plan
    (of its mode) is blended into it with time constant ``blend_s`` and stall avoidance (``advance``); another mode is
    never averaged in. Following only the nearest would lock the plan in: a plan that waits would select the hypothesis
    that waits longest. When none has agreed for ``escape_s``, the plan follows the nearest, or is replaced by it
    (spliced from the last target) if that is further away than ``escape_rad``. Without a plan the first hypothesis is
    followed: its noise is random, so modes are chosen as often as the student draws them.

    The plan's knots lie at multiples of the chunk's ``dt`` on the caller's clock, so that blending does not resample
    and smooth the plan. Without new chunks the rest of the plan is executed and its end is held.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self._config = config
        self._plan: Chunk | None = None
        self._hold = np.zeros(0)
        self._offset = np.zeros(0)
        self._splice_ns = 0
        self._submitted_ns = 0
        self._disagreeing_s = 0.0
        self.switches = 0

    @property
    def plan(self) -> Chunk | None:
        """The current plan; None before the first chunk after a reset."""
        return self._plan

    def reset(self, target: Float64[np.ndarray, " D"], now_ns: int) -> None:
        """Drop the plan and hold ``target`` (joints [rad] and gripper width [m])."""
        self._plan = None
        self._hold = np.array(target, dtype=float)
        self._offset = np.zeros_like(self._hold)
        self._submitted_ns = now_ns
        self._disagreeing_s = 0.0
        self.switches = 0

    def submit(self, chunks: Float64[np.ndarray, "M H D"], t0_ns: int, dt_ns: int, now_ns: int) -> int:
        """Correct or replace the plan by M hypotheses from ``t0_ns`` on; returns the index of the followed one."""
        before = self._plan
        chosen = self._follow(chunks, t0_ns, dt_ns, now_ns)
        if before is not None and now_ns < before.end_ns:
            self.switches += bool(self._apart(before, now_ns) > SAME_MODE_RAD)
        return chosen

    def _follow(self, chunks: Float64[np.ndarray, "M H D"], t0_ns: int, dt_ns: int, now_ns: int) -> int:
        hypotheses = [Chunk(t0_ns, dt_ns, points) for points in chunks]
        elapsed_s = max(now_ns - self._submitted_ns, 0) / NS_PER_S
        self._submitted_ns = now_ns
        if self._plan is None or now_ns >= self._plan.end_ns:
            self._replace(hypotheses[0], now_ns)
            return 0
        distances = self._distances(chunks, hypotheses[0], now_ns)
        chosen = 0 if self._config.selection == "newest" else int(np.argmin(distances))
        if self._config.selection != "agree":
            self._plan = _on_grid(hypotheses[chosen], now_ns)
            return chosen
        share = 1 - math.exp(-elapsed_s / self._config.blend_s)
        agreeing = distances <= self._config.agree_rad
        self._disagreeing_s = 0.0 if agreeing.any() else self._disagreeing_s + elapsed_s
        if agreeing.any():
            mean = Chunk(t0_ns, dt_ns, chunks[agreeing].mean(axis=0))
            limits_s = self._config.agree_s, self._config.stall_avoidance_s
            compared_ns, max_advance_ns = (int(limit_s * NS_PER_S) for limit_s in limits_s)
            self._blend(advance(mean, self._plan, now_ns, compared_ns, max_advance_ns), now_ns, share)
        elif self._disagreeing_s < self._config.escape_s:
            pass  # all hypotheses are of another mode by chance
        elif distances[chosen] <= self._config.escape_rad:
            self._blend(hypotheses[chosen], now_ns, share)
        else:
            self._replace(hypotheses[chosen], now_ns)
        return chosen

    def ahead(self, steps: int, t0_ns: int, dt_ns: int) -> Float64[np.ndarray, "steps D"] | None:
        """The current plan at ``steps`` times from ``t0_ns`` on; None where it ends before."""
        if self._plan is None or t0_ns + (steps - 1) * dt_ns > self._plan.end_ns:
            return None
        return self._plan.at(t0_ns + np.arange(steps, dtype=np.int64) * dt_ns)

    def target(self, now_ns: int) -> Float64[np.ndarray, " D"]:
        """The joint target for now: the positions of ``read``."""
        return self.read(now_ns)[0]

    def read(self, now_ns: int) -> tuple[Float64[np.ndarray, " D"], Float64[np.ndarray, " D"]]:
        """Target (D,) and its rate (D,) per second, ``action_latency_s`` ahead of ``now_ns``."""
        if self._plan is None:
            return self._hold.copy(), np.zeros_like(self._hold)
        due_ns = now_ns + self._config.action_latency_s * NS_PER_S
        value, slope = catmull_rom(self._plan.points, (due_ns - self._plan.t0_ns) / self._plan.dt_ns)
        fade, fade_rate = self._fade(due_ns)
        return value + fade * self._offset, slope * NS_PER_S / self._plan.dt_ns + fade_rate * self._offset

    def _fade(self, due_ns: float) -> tuple[float, float]:
        """Remaining share of the splice offset, and its rate: minimum jerk from 1 to 0."""
        share, rate = minimum_jerk((due_ns - self._splice_ns) / NS_PER_S / self._config.splice_s)
        return 1 - share, -rate / self._config.splice_s

    def _replace(self, chunk: Chunk, now_ns: int) -> None:
        """Replace the plan by ``chunk``, starting at the last target."""
        last, _ = self.read(now_ns)
        self._plan = _on_grid(postpone(chunk, last, now_ns, self._config.max_splice_rad), now_ns)
        self._offset = np.zeros_like(last)
        self._offset = last - self.target(now_ns)
        self._splice_ns = now_ns + int(self._config.action_latency_s * NS_PER_S)
        self._disagreeing_s = 0.0

    def _blend(self, chunk: Chunk, now_ns: int, share: float) -> None:
        """Move the plan towards ``chunk`` by ``share``; knots behind its end are those of the chunk."""
        assert self._plan is not None
        new = _on_grid(chunk, now_ns)
        times = new.t0_ns + np.arange(len(new.points)) * new.dt_ns
        old = self._plan.at(times)
        weight = np.where(times <= self._plan.end_ns, share, 1.0)[:, None]
        self._plan = Chunk(new.t0_ns, new.dt_ns, old + weight * (new.points - old))

    def _distances(
        self, chunks: Float64[np.ndarray, "M H D"], first: Chunk, now_ns: int
    ) -> Float64[np.ndarray, " M"]:
        """RMS joint distance of each hypothesis to the plan over the next ``agree_s`` [rad], without the gripper."""
        times = first.t0_ns + np.arange(chunks.shape[1]) * first.dt_ns
        shared = self._shared(times, now_ns)
        if not shared.any():
            return np.zeros(len(chunks))
        assert self._plan is not None
        difference = (chunks[:, shared] - self._plan.at(times[shared]))[..., :-1]
        return np.sqrt((difference**2).mean(axis=(1, 2)))

    def _shared(self, times_ns: np.ndarray, now_ns: int) -> np.ndarray:
        """Which of ``times_ns`` lie within the next ``agree_s`` of the plan."""
        assert self._plan is not None
        last = min(now_ns + self._config.agree_s * NS_PER_S, self._plan.end_ns)
        return (times_ns >= now_ns) & (times_ns <= last)

    def _apart(self, before: Chunk, now_ns: int) -> float:
        """RMS joint distance between the plan and the one ``before`` [rad], as ``_distances``."""
        times = before.t0_ns + np.arange(len(before.points)) * before.dt_ns
        shared = self._shared(times, now_ns)
        if not shared.any():
            return 0.0
        assert self._plan is not None
        difference = (before.points[shared] - self._plan.at(times[shared]))[:, :-1]
        return float(np.sqrt((difference**2).mean()))


def with_prefix(
    noise: Float32[np.ndarray, "M H A"],
    spec: PolicySpec,
    executor: ChunkExecutor,
    t0_ns: int,
    tcp: TcpSpace | None = None,
) -> Float32[np.ndarray, "M H A"]:
    """``noise`` with the current plan as its first steps, for a prefix-conditioned policy (methods/prefix.py).

    ``tcp``: the space of its actions where they are poses.
    """
    plan = executor.ahead(spec.prefix, t0_ns, round(spec.dt_s * NS_PER_S)) if spec.prefix else None
    if plan is None:
        return noise
    conditioned = noise.copy()
    conditioned[:, : spec.prefix] = spec.normaliser.action.encode(plan if tcp is None else tcp.actions(plan))
    return conditioned


def _on_grid(chunk: Chunk, now_ns: int) -> Chunk:
    """``chunk`` read at multiples of its dt, from two knots before ``now_ns`` to its end.

    The spline needs knots on both sides of now. Those before the chunk's first point extrapolate its first step
    backwards; held at the first point, they would brake the plan at every blend.
    """
    first = (now_ns // chunk.dt_ns - 2) * chunk.dt_ns
    count = max(int((chunk.end_ns - first) // chunk.dt_ns) + 1, 2)
    times = first + np.arange(count) * chunk.dt_ns
    before = np.minimum(times - chunk.t0_ns, 0)[:, None] / chunk.dt_ns
    return Chunk(int(first), chunk.dt_ns, chunk.at(times) + before * (chunk.points[1] - chunk.points[0]))
