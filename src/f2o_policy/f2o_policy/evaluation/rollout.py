"""Closed-loop episodes of several policies over the same seeds, headless.

Seed by seed every contender meets the same scene and draws the same noise, so differences are paired. The loop is the
robot's: embedding when an observation arrives, a plan every ``replan_ticks`` ticks, a target from the executor
every tick.
"""

from __future__ import annotations

import multiprocessing.util
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.workers import workers
from tqdm import tqdm

from f2o_policy.evaluation.environment import Environment, StepLike, open_environment
from f2o_policy.evaluation.journal import Journal
from f2o_policy.evaluation.motion import Motion
from f2o_policy.evaluation.statistics import mcnemar, wilson
from f2o_policy.runtime.engine import Engine, NetworkEngine
from f2o_policy.runtime.equality import random_case
from f2o_policy.runtime.executor import ChunkExecutor, ExecutorConfig, with_prefix
from f2o_policy.runtime.history import Ring
from f2o_policy.runtime.load import open_engine, read_spec

NS_PER_S, TICK_S = 1_000_000_000, 0.008
Where = tuple[str, float]  # task and camera rate


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Attributes:
        name: in the table; different for every contender.
        checkpoint: file, run folder or export.
        steps: 0 for a one-step student, else the Euler steps of a teacher.
        replan_ticks: between two plans; a plan under way is waited for.
        hypotheses, backend, precision: as of the policy node.
        latency_s: simulated time from the look to the chunk: what planning takes on the machine to be judged [s].
        noise: ``fresh`` for every plan, or ``held``: the same for all plans of an episode.
        executor: how plans become targets.
    """

    name: str
    checkpoint: Path
    steps: int = 0
    replan_ticks: int = 4
    hypotheses: int = 2
    backend: str = "auto"
    precision: str = "f32"
    latency_s: float = 0.0
    noise: str = "fresh"
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)


@dataclass(frozen=True)
class Record:
    """One episode of one contender."""

    seed: int
    success: bool
    collision: bool
    side: str
    duration_s: float
    mode_switches: int
    jerk: float = float("nan")  # of the arm, root mean square [rad/s^3]
    jump: float = float("nan")  # of the next target at a new plan, mean [rad]


def evaluate(
    task: str,
    contenders: list[Contender],
    seeds: list[int],
    processes: int = 1,
    progress: bool = True,
    camera_hz: float = 30.0,
    journal: Path | None = None,
) -> dict[str, Any]:
    """Success of every contender over ``seeds``; paired with the first contender.

    Rendering and embedding are most of an episode's cost, and ``camera_hz`` is how often both are done. Episodes that
    ``journal`` (a file of JSON lines) holds already, played with the same weights and settings, are not played again.

    Raises:
        CheckpointError, EngineError, UnknownNameError: before the first episode.
    """
    names = [contender.name for contender in contenders]
    if len(set(names)) < len(names):
        raise ValueError(f"contenders need different names, got {', '.join(names)}")
    where = (task, camera_hz)
    kept = Journal(journal)
    settings = {c.name: _settings(c, where) for c in contenders}
    records: dict[str, dict[int, Record]] = {contender.name: {} for contender in contenders}
    for name, seed in product(names, seeds):
        if found := kept.get(settings[name], seed):
            records[name][seed] = Record(**found)
    jobs = [(where, c, seed) for seed in seeds for c in contenders if seed not in records[c.name]]
    total = len(seeds) * len(contenders)
    with tqdm(total=total, initial=total - len(jobs), disable=not progress, unit="episode") as bar:
        for name, record in _run_all(jobs, processes):
            records[name][record.seed] = record
            kept.add(settings[name], record.seed, asdict(record))
            bar.update()
            bar.set_postfix_str(
                " ".join(f"{sum(r.success for r in rs.values())}/{len(rs)}" for rs in records.values())
            )
    ordered = {name: [rs[seed] for seed in seeds] for name, rs in records.items()}
    reference = [r.success for r in ordered[contenders[0].name]]
    rows = [_row(contender, ordered[contender.name], reference) for contender in contenders]
    return {"task": task, "camera_hz": camera_hz, "seeds": list(seeds), "contenders": rows}


def _settings(contender: Contender, where: Where) -> dict[str, Any]:
    """What an episode's outcome depends on besides its seed."""
    own = {k: v for k, v in asdict(contender).items() if k not in ("name", "checkpoint")}
    weights = read_spec(contender.checkpoint).source_sha256
    return {"weights": weights, "task": where[0], "camera_hz": where[1], **own}


def run_episode(environment: Environment, engine: Engine, contender: Contender, seed: int) -> Record:
    """One episode; noise is drawn afresh for every plan, or held, as the policy node does."""
    step = environment.reset(seed)
    pilot, motion = Pilot(engine, contender, seed), Motion(TICK_S)
    pilot.begin(step)
    while not step.done:
        target = pilot.tick(step, motion)
        step = environment.step(target)
        motion.moved(_joints(step)[:-1])
    outcome = environment.outcome()
    return Record(
        seed,
        outcome.success,
        outcome.collision,
        outcome.side,
        round(outcome.duration_s, 3),
        pilot.executor.switches,
        motion.jerk,
        motion.jump,
    )


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
        self.executor.reset(_joints(step), step.time_ns)

    def tick(self, step: StepLike, motion: Motion) -> np.ndarray | None:
        """The target for now; None before the first observation."""
        if step.observation is not None:
            self._seen.push(step.observation.stamp_ros_ns, self._engine.embed(step.observation))
            self._embedding = self._seen.nearest()
        self._felt.push(step.time_ns, _joints(step))
        self._submit(step.time_ns, motion)
        due = self._ticks % self._contender.replan_ticks == 0
        if self._embedding is not None and due and self._coming is None:
            self._plan(step.time_ns, self._embedding)
            self._submit(step.time_ns, motion)
        self._ticks += 1
        return None if self._embedding is None else self.executor.target(step.time_ns)

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


def table(report: dict[str, Any]) -> str:
    """The report as text, one line a contender."""
    width = max(len(row["name"]) for row in report["contenders"])
    lines = [f"{'policy':{width}}  success  95 % interval  left right collisions  mean s"]
    for row in report["contenders"]:
        low, high = row["interval"]
        lines.append(
            f"{row['name']:{width}}  {row['success_rate']:7.2f}  [{low:.2f}, {high:.2f}]   {row['left']:4d} "
            f"{row['right']:5d} {row['collisions']:10d}  {row['mean_duration_s']:6.2f}"
        )
    return "\n".join(lines)


def _row(contender: Contender, records: list[Record], reference: list[bool]) -> dict[str, Any]:
    wins = [r.success for r in records]
    return {
        "name": contender.name,
        "checkpoint": str(contender.checkpoint),
        "steps": contender.steps,
        "replan_ticks": contender.replan_ticks,
        "latency_s": contender.latency_s,
        "episodes_run": len(records),
        "success_rate": sum(wins) / max(1, len(wins)),
        "interval": list(wilson(sum(wins), len(wins))),
        "p_against_first": mcnemar(reference, wins),
        "left": sum(r.side == "left" for r in records),
        "right": sum(r.side == "right" for r in records),
        "collisions": sum(r.collision for r in records),
        "mean_duration_s": _mean([r.duration_s for r in records]),
        "mode_switches": sum(r.mode_switches for r in records),
        "jerk": _mean([r.jerk for r in records]),
        "jump": _mean([r.jump for r in records]),
        "episodes": [asdict(r) for r in records],
    }


def _mean(values: list[float]) -> float | None:
    """Of the numbers among them; None where there is none (JSON knows no NaN)."""
    numbers = [value for value in values if not np.isnan(value)]
    return float(np.mean(numbers)) if numbers else None


def _joints(step: Any) -> np.ndarray:
    return np.array([*step.joints.positions, step.gripper_width], np.float64)


Job = tuple[Where, Contender, int]


def _run_all(jobs: list[Job], processes: int) -> Iterator[tuple[str, Record]]:
    if processes == 1:
        try:
            yield from map(_run, jobs)
        finally:
            _close()
        return
    with workers(processes, _close_at_exit) as pool:
        yield from pool.imap(_run, jobs)
        pool.close()
        pool.join()  # lets the workers free their renderers


def _run(job: Job) -> tuple[str, Record]:
    where, contender, seed = job
    c = contender
    engine = _engine(c.checkpoint, c.hypotheses, c.backend, c.precision, c.steps)
    return contender.name, run_episode(_environment(where), engine, contender, seed)


_open: dict[Where, Environment] = {}  # of this process: making one costs more than an episode


def _environment(where: Where) -> Environment:
    if where not in _open:
        task, camera_hz = where
        _open[where] = open_environment(task, camera_hz)
    return _open[where]


def _close_at_exit() -> None:
    multiprocessing.util.Finalize(None, _close, exitpriority=10)  # workers do not run atexit


def _close() -> None:
    while _open:
        _open.popitem()[1].close()


def plan_latency(contender: Contender, repeats: int = 15) -> float:
    """What a look and a plan take on this machine, now: the median time of embedding and head together [s].

    For a student that is too much: the runtime embeds beside its ticks, at the cameras' rate.
    """
    c = contender
    engine = open_engine(c.checkpoint, c.hypotheses, c.backend, c.precision, c.steps)
    *images, joints, noise = random_case(np.random.default_rng(0), engine.spec, c.hypotheses)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        engine.plan(engine.embed_arrays(*(image[None] for image in images)), joints, noise)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


@cache
def _engine(checkpoint: Path, hypotheses: int, backend: str, precision: str, steps: int) -> NetworkEngine:
    return open_engine(checkpoint, hypotheses, backend, precision, steps)
