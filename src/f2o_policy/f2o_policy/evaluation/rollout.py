"""Closed-loop episodes of several policies over the same seeds, headless.

Seed by seed every contender meets the same scene and draws the same noise, so differences are paired. The loop is the
robot's: embedding when an observation arrives, a plan every ``replan_ticks`` ticks, a target from the executor
every tick.
"""

from __future__ import annotations

import multiprocessing.util
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.workers import workers
from tqdm import tqdm

from f2o_policy.evaluation.environment import Environment, open_environment
from f2o_policy.evaluation.journal import Journal
from f2o_policy.evaluation.statistics import mcnemar, wilson
from f2o_policy.runtime.engine import Engine, NetworkEngine
from f2o_policy.runtime.executor import ChunkExecutor, ExecutorConfig
from f2o_policy.runtime.history import Ring
from f2o_policy.runtime.load import open_engine, read_spec

NS_PER_S = 1_000_000_000
Where = tuple[str, float]  # task and camera rate


@dataclass(frozen=True)
class Contender:
    """One row of the table. ``steps`` 0 is a one-step student, else the Euler steps of a teacher."""

    name: str
    checkpoint: Path
    steps: int = 0
    replan_ticks: int = 4
    hypotheses: int = 2
    backend: str = "auto"
    precision: str = "f32"


@dataclass(frozen=True)
class Record:
    """One episode of one contender."""

    seed: int
    success: bool
    collision: bool
    side: str
    duration_s: float
    mode_switches: int


def evaluate(
    task: str,
    contenders: list[Contender],
    seeds: list[int],
    processes: int = 1,
    executor: ExecutorConfig | None = None,
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
    config = executor or ExecutorConfig()
    kept = Journal(journal)
    settings = {c.name: _settings(c, where, config) for c in contenders}
    records: dict[str, dict[int, Record]] = {contender.name: {} for contender in contenders}
    for name, seed in product(names, seeds):
        if found := kept.get(settings[name], seed):
            records[name][seed] = Record(**found)
    jobs = [(where, c, seed, config) for seed in seeds for c in contenders if seed not in records[c.name]]
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


def _settings(contender: Contender, where: Where, config: ExecutorConfig) -> dict[str, Any]:
    """What an episode's outcome depends on besides its seed."""
    own = {k: v for k, v in asdict(contender).items() if k not in ("name", "checkpoint")}
    weights = read_spec(contender.checkpoint).source_sha256
    return {"weights": weights, "task": where[0], "camera_hz": where[1], **own, "executor": asdict(config)}


def run_episode(
    environment: Environment,
    engine: Engine,
    contender: Contender,
    seed: int,
    config: ExecutorConfig,
) -> Record:
    """One episode; noise is drawn afresh for every plan, as the policy node draws it."""
    rng = np.random.default_rng([seed, 5])
    spec = engine.spec
    shape = (contender.hypotheses, spec.horizon, spec.action_size)
    dt_ns = round(spec.dt_s * NS_PER_S)
    step = environment.reset(seed)
    executor, embedding, tick = ChunkExecutor(config), None, 0
    seen, felt = (Ring(spec.history, spec.history_dt_s) for _ in range(2))
    executor.reset(_joints(step), step.time_ns)
    while not step.done:
        if step.observation is not None:
            seen.push(step.observation.stamp_ros_ns, engine.embed(step.observation))
            embedding = seen.nearest()
        felt.push(step.time_ns, _joints(step))
        if embedding is not None and tick % contender.replan_ticks == 0:
            joints, noise = felt.interpolated(), rng.standard_normal(shape, dtype=np.float32)
            executor.submit(engine.plan(embedding, joints, noise), step.time_ns, dt_ns, step.time_ns)
        step = environment.step(executor.target(step.time_ns) if embedding is not None else None)
        tick += 1
    outcome = environment.outcome()
    return Record(
        seed,
        outcome.success,
        outcome.collision,
        outcome.side,
        round(outcome.duration_s, 3),
        executor.switches,
    )


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
        "episodes_run": len(records),
        "success_rate": sum(wins) / max(1, len(wins)),
        "interval": list(wilson(sum(wins), len(wins))),
        "p_against_first": mcnemar(reference, wins),
        "left": sum(r.side == "left" for r in records),
        "right": sum(r.side == "right" for r in records),
        "collisions": sum(r.collision for r in records),
        "mean_duration_s": float(np.mean([r.duration_s for r in records])) if records else 0.0,
        "mode_switches": sum(r.mode_switches for r in records),
        "episodes": [asdict(r) for r in records],
    }


def _joints(step: Any) -> np.ndarray:
    return np.array([*step.joints.positions, step.gripper_width], np.float64)


Job = tuple[Where, Contender, int, ExecutorConfig]


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
    where, contender, seed, config = job
    return contender.name, run_episode(_environment(where), _engine(contender), contender, seed, config)


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


@cache
def _engine(contender: Contender) -> NetworkEngine:
    return open_engine(
        contender.checkpoint, contender.hypotheses, contender.backend, contender.precision, contender.steps
    )
