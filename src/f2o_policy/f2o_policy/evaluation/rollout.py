"""Closed-loop episodes of several policies over the same seeds, headless.

Seed by seed every contender meets the same scene and draws the same noise, so differences are paired. The loop is the
robot's: embedding when an observation arrives, a plan every ``replan_ticks`` ticks, a target from the executor
every tick.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.workers import results
from tqdm import tqdm

from f2o_policy.evaluation.contender import Contender, Record
from f2o_policy.evaluation.environment import Environment, open_environment
from f2o_policy.evaluation.journal import Journal
from f2o_policy.evaluation.motion import Motion
from f2o_policy.evaluation.pilot import TICK_S, Pilot, state
from f2o_policy.evaluation.statistics import mcnemar, wilson
from f2o_policy.runtime.engine import Engine, NetworkEngine
from f2o_policy.runtime.equality import random_case
from f2o_policy.runtime.load import open_engine, read_spec

Where = tuple[str, float]  # task and camera rate


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
        for name, record in results(_run, jobs, processes, _close):
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
        step = environment.step(*pilot.tick(step, motion))
        motion.moved(state(step)[:-1])
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


Job = tuple[Where, Contender, int]


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
