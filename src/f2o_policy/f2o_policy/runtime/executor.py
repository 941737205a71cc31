"""Receding-horizon execution of chunks: one plan, committed to, corrected every tick."""

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

from f2o_policy.runtime.advance import advance
from f2o_policy.runtime.chunk import Chunk, catmull_rom
from f2o_policy.runtime.late import enter
from f2o_policy.spec import PolicySpec

SAME_MODE_RAD = (
    0.075  # RMS joint distance of two plans beyond which they are of different modes; see agree_rad
)


@dataclass(frozen=True, config=STRICT)
class ExecutorConfig:
    """How plans are chosen, blended and read.

    Attributes:
        selection: ``agree``: hypotheses of the plan's mode correct it, see ``ChunkExecutor``. Two simpler rules that it
            is measured against: ``nearest`` follows the hypothesis nearest to the plan, ``newest`` the first of every
            batch, as receding-horizon control without commitment does; both jump to it.
        blend_s: time constant with which the plan under way follows the newest agreeing hypothesis [s].
        stall_avoidance_s: by how much of what it puts off a hypothesis may be taken earlier before it is blended in
            [s], see ``advance``; 0 takes it as it comes. Longer than the pauses of the demonstrations.
        agree_rad: RMS joint distance up to which a hypothesis is of the plan's mode [rad]. In the teacher's sets of
            reach_around, over the whole chunk, 99 % of the pairs of one side are within 0.07 (90 % within 0.013), and
            99 % of the pairs of different sides further apart than 0.076.
        agree_s: how far ahead hypotheses are compared with the plan under way [s]. As far as they reach: looking only
            0.8 s ahead, different sides are 0.01 apart while the ways still run together, and would be averaged.
        escape_rad: RMS joint distance from the plan up to which the nearest hypothesis is blended into it once none has
            agreed for ``escape_s``; where even the nearest is further away, the plan is given up for it [rad].
        escape_s: how long no hypothesis may have been within ``agree_rad`` before that [s].
        splice_s: time over which a jump to another plan is spread, starting at the last target [s].
        max_splice_rad: RMS joint distance that such a jump may have; a chunk so late that its present point is further
            from the last target is begun at an earlier one, see ``late`` [rad].
        action_latency_s: how far ahead of now the target is read, to make up for the way to the motors [s].
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
    """Keeps one plan on an absolute time grid and reads a joint target from it.

    Each ``submit`` brings M hypotheses for the same moment. The mean of those within ``agree_rad`` of the plan under
    way (of its mode) is blended into it with time constant ``blend_s``, what it puts off taken earlier (``advance``);
    another mode is never averaged in. Taking only
    the nearest would lock the plan in: a plan that waits picks the hypothesis that waits longest. When none has agreed
    for ``escape_s``, the plan follows the nearest, or is given up for it (spliced from the last target) if even that
    is further than ``escape_rad``. Without a plan the first hypothesis is
    taken: its noise was random, so modes are taken as often as the student draws them (methods.md 5.15, 9.11).

    The plan's knots lie at multiples of the chunk's ``dt`` on the caller's clock, so blending never resamples the
    plan itself and does not smear it. When no chunk comes, the rest of the plan is executed and its end is held.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self._config = config
        self._plan: Chunk | None = None
        self._hold = np.zeros(0)
        self._offset = np.zeros(0)
        self._splice_ns = 0
        self._submitted_ns = 0
        self._astray_s = 0.0
        self.switches = 0

    @property
    def plan(self) -> Chunk | None:
        """The plan under way; None before the first chunk after a reset."""
        return self._plan

    def reset(self, target: Float64[np.ndarray, " D"], now_ns: int) -> None:
        """Forget the plan and hold ``target`` (joints [rad] and gripper width [m])."""
        self._plan = None
        self._hold = np.array(target, dtype=float)
        self._offset = np.zeros_like(self._hold)
        self._submitted_ns = now_ns
        self._astray_s = 0.0
        self.switches = 0

    def submit(self, chunks: Float64[np.ndarray, "M H D"], t0_ns: int, dt_ns: int, now_ns: int) -> int:
        """Take in M hypotheses that begin at ``t0_ns``; returns the index of the one followed."""
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
        self._astray_s = 0.0 if agreeing.any() else self._astray_s + elapsed_s
        if agreeing.any():
            mean = Chunk(t0_ns, dt_ns, chunks[agreeing].mean(axis=0))
            reach_ns, most_ns = (
                int(s * NS_PER_S) for s in (self._config.agree_s, self._config.stall_avoidance_s)
            )
            self._blend(advance(mean, self._plan, now_ns, reach_ns, most_ns), now_ns, share)
        elif self._astray_s < self._config.escape_s:
            pass  # all of them happen to be of another mode, which is no reason to lean towards it
        elif distances[chosen] <= self._config.escape_rad:
            self._blend(hypotheses[chosen], now_ns, share)
        else:
            self._replace(hypotheses[chosen], now_ns)
        return chosen

    def ahead(self, steps: int, t0_ns: int, dt_ns: int) -> Float64[np.ndarray, "steps D"] | None:
        """The plan under way at ``steps`` times from ``t0_ns`` on; None where there is none that reaches so far."""
        if self._plan is None or t0_ns + (steps - 1) * dt_ns > self._plan.end_ns:
            return None
        return self._plan.at(t0_ns + np.arange(steps, dtype=np.int64) * dt_ns)

    def target(self, now_ns: int) -> Float64[np.ndarray, " D"]:
        """The joint target for now: position part of ``read``."""
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
        """Share of the splice offset left, and its rate: from 1 to 0, flat at both ends."""
        share, rate = minimum_jerk((due_ns - self._splice_ns) / NS_PER_S / self._config.splice_s)
        return 1 - share, -rate / self._config.splice_s

    def _replace(self, chunk: Chunk, now_ns: int) -> None:
        """Follow ``chunk`` alone from now on, starting where the last target was."""
        last, _ = self.read(now_ns)
        self._plan = _on_grid(enter(chunk, last, now_ns, self._config.max_splice_rad), now_ns)
        self._offset = np.zeros_like(last)
        self._offset = last - self.target(now_ns)
        self._splice_ns = now_ns + int(self._config.action_latency_s * NS_PER_S)
        self._astray_s = 0.0

    def _blend(self, chunk: Chunk, now_ns: int, share: float) -> None:
        """Move the plan towards ``chunk`` by ``share``; knots the plan does not reach come from the chunk."""
        assert self._plan is not None
        new = _on_grid(chunk, now_ns)
        times = new.t0_ns + np.arange(len(new.points)) * new.dt_ns
        old = self._plan.at(times)
        weight = np.where(times <= self._plan.end_ns, share, 1.0)[:, None]
        self._plan = Chunk(new.t0_ns, new.dt_ns, old + weight * (new.points - old))

    def _distances(
        self, chunks: Float64[np.ndarray, "M H D"], first: Chunk, now_ns: int
    ) -> Float64[np.ndarray, " M"]:
        """RMS joint distance of each hypothesis to the plan over the next ``agree_s`` [rad]; gripper left out."""
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
        """RMS joint distance between the plan and what it was before [rad], as ``_distances``."""
        times = before.t0_ns + np.arange(len(before.points)) * before.dt_ns
        shared = self._shared(times, now_ns)
        if not shared.any():
            return 0.0
        assert self._plan is not None
        difference = (before.points[shared] - self._plan.at(times[shared]))[:, :-1]
        return float(np.sqrt((difference**2).mean()))


def with_prefix(
    noise: Float32[np.ndarray, "M H D"], spec: PolicySpec, executor: ChunkExecutor, t0_ns: int
) -> Float32[np.ndarray, "M H D"]:
    """``noise``, begun with the plan under way where the policy was trained for it (methods/prefix.py)."""
    plan = executor.ahead(spec.prefix, t0_ns, round(spec.dt_s * NS_PER_S)) if spec.prefix else None
    if plan is None:
        return noise
    begun = noise.copy()
    begun[:, : spec.prefix] = spec.normaliser.action.encode(plan)
    return begun


def _on_grid(chunk: Chunk, now_ns: int) -> Chunk:
    """``chunk`` read at multiples of its dt, from two knots before ``now_ns`` to its end.

    The spline needs knots on both sides of now. Those before the chunk's first point continue its first step
    backwards: held at the first point instead, they would brake the plan at every blend.
    """
    first = (now_ns // chunk.dt_ns - 2) * chunk.dt_ns
    count = max(int((chunk.end_ns - first) // chunk.dt_ns) + 1, 2)
    times = first + np.arange(count) * chunk.dt_ns
    before = np.minimum(times - chunk.t0_ns, 0)[:, None] / chunk.dt_ns
    return Chunk(int(first), chunk.dt_ns, chunk.at(times) + before * (chunk.points[1] - chunk.points[0]))
