"""Rollouts of several policies over the same seeds: success with intervals, differences paired.

For each seed every policy gets the same scene and the same noise.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from f2o_control.config import BridgeConfig
from f2o_nodekit.provenance import code_sha256, origin
from f2o_nodekit.workers import results
from f2o_policy.evaluation.statistics import mcnemar, wilson
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.equality import random_case
from f2o_policy.runtime.load import engine_of, read_spec
from tqdm import tqdm

from f2o_sim.rollout.episode import Episode, PolicyUnderTest, run_episode
from f2o_sim.rollout.journal import Journal
from f2o_sim.session import Session

CODE = (
    "f2o_nodekit",
    "f2o_perception",
    "f2o_policy",
    "f2o_control",
    "f2o_rt",
    "f2o_sim",
)  # what an episode depends on
# Of a policy's configuration, what makes no difference to an episode.
NOT_PLAYED = ("checkpoint", "seed", "rate_hz", "fifo_priority", "trace", "topics")
Where = tuple[str, float, str]  # task, camera rate and adapter


def evaluate(
    task: str,
    policies: list[PolicyUnderTest],
    seeds: list[int],
    processes: int = 1,
    progress: bool = True,
    camera_hz: float = 30.0,
    journal: Path | None = None,
    adapter: str = "jtc",
) -> dict[str, Any]:
    """Success of every policy over ``seeds``; paired with the first policy.

    Rendering and embedding are most of an episode's cost, and ``camera_hz`` is how often both are done. Episodes that
    ``journal`` (a file of JSON lines) holds already, played with the same weights and settings, are not played again.
    With ``adapter`` udp, commands reach the arm through f2o_rt, libfranka and a simulated control unit.

    Raises:
        CheckpointError, EngineError, UnknownTaskError, JournalError, SimError: before the first episode.
    """
    names = [policy.name for policy in policies]
    if len(set(names)) < len(names):
        raise ValueError(f"policies need different names, got {', '.join(names)}")
    where, code = (task, camera_hz, adapter), code_sha256(CODE)
    settings = {policy.name: settings_of(policy, where) for policy in policies}
    kept = Journal(journal, code)
    episodes: dict[str, dict[int, Episode]] = {name: {} for name in names}
    for name, seed in product(names, seeds):
        if found := kept.get(settings[name], seed):
            episodes[name][seed] = Episode(**found)
    jobs = [(where, p, seed) for seed in seeds for p in policies if seed not in episodes[p.name]]
    total = len(seeds) * len(policies)
    with tqdm(total=total, initial=total - len(jobs), disable=not progress, unit="episode") as bar:
        for name, episode in results(_run, jobs, processes, _close):
            episodes[name][episode.seed] = episode
            kept.add(settings[name], episode.seed, asdict(episode))
            bar.update()
            bar.set_postfix_str(
                " ".join(f"{sum(e.success for e in es.values())}/{len(es)}" for es in episodes.values())
            )
    ordered = {name: [es[seed] for seed in seeds] for name, es in episodes.items()}
    reference = [e.success for e in ordered[names[0]]]
    rows = [row(p, settings[p.name], ordered[p.name], reference) for p in policies]
    made = {**origin(), "code_sha256": code}
    settled = {"task": task, "camera_hz": camera_hz, "adapter": adapter}
    return {"made": made, **settled, "seeds": list(seeds), "policies": rows}


def settings_of(policy: PolicyUnderTest, where: Where) -> dict[str, Any]:
    """What an episode depends on besides its seed and the code: weights, data, scene, and the configuration."""
    spec = read_spec(Path(policy.config.checkpoint))
    config = {k: v for k, v in asdict(policy.config).items() if k not in NOT_PLAYED}
    hashes = {"weights_sha256": spec.source_sha256, "data_sha256": spec.data_sha256}
    return {**hashes, "task": where[0], "camera_hz": where[1], "adapter": where[2], **config}


def row(
    policy: PolicyUnderTest, settings: dict[str, Any], episodes: list[Episode], reference: list[bool]
) -> dict[str, Any]:
    """One policy's line: what it was, what it reached, and every episode."""
    wins = [e.success for e in episodes]
    return {
        "name": policy.name,
        "settings": settings,
        "episodes_run": len(episodes),
        "successes": sum(wins),
        "success_rate": sum(wins) / max(1, len(wins)),
        "interval": list(wilson(sum(wins), len(wins))),
        "p_against_first": mcnemar(reference, wins),
        "left": sum(e.side == "left" for e in episodes),
        "right": sum(e.side == "right" for e in episodes),
        "collisions": sum(e.collision for e in episodes),
        "stopped": sum(bool(e.stopped) for e in episodes),
        "mean_duration_s": float(np.mean([e.duration_s for e in episodes])),
        "mode_switches": sum(e.mode_switches for e in episodes),
        "jerk": _mean([e.jerk for e in episodes]),
        "jump": _mean([e.jump for e in episodes]),
        "episodes": [asdict(e) for e in episodes],
    }


def table(report: dict[str, Any]) -> str:
    """The report as text, one line a policy."""
    width = max(len(one["name"]) for one in report["policies"])
    lines = [f"{'policy':{width}}  success  95 % interval  left right collisions stopped  mean s"]
    for one in report["policies"]:
        low, high = one["interval"]
        lines.append(
            f"{one['name']:{width}}  {one['success_rate']:7.2f}  [{low:.2f}, {high:.2f}]   {one['left']:4d} "
            f"{one['right']:5d} {one['collisions']:10d} {one['stopped']:7d}  {one['mean_duration_s']:6.2f}"
        )
    return "\n".join(lines)


def plan_latency(config: PolicyConfig, repeats: int = 15) -> float:
    """Median time of embedding and head together on this machine [s].

    It overstates a student's latency: the runtime embeds beside its ticks, at the cameras' rate.
    """
    engine = engine_of(config)
    *images, joints, noise = random_case(np.random.default_rng(0), engine.spec, config.hypotheses)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        engine.plan(engine.embed_arrays(*(image[None] for image in images)), joints, noise)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def _mean(values: list[float | None]) -> float | None:
    """Of the numbers among them; None where there is none."""
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else None


Job = tuple[Where, PolicyUnderTest, int]
_open: dict[
    tuple[str, float, str, str], Session
] = {}  # of this process: making one costs more than an episode


def _run(job: Job) -> tuple[str, Episode]:
    where, policy, seed = job
    session = _session(where, policy.config.robot)
    return policy.name, run_episode(session, _engine(policy.config), policy.config, seed)


def _session(where: Where, robot: str) -> Session:
    if (key := (*where, robot)) not in _open:
        task, camera_hz, adapter = where
        _open[key] = Session(task, camera_hz, bridge=BridgeConfig(adapter=adapter), robot=robot)
    return _open[key]


def _close() -> None:
    while _open:
        _open.popitem()[1].close()


@cache
def _engine(config: PolicyConfig) -> NetworkEngine:
    return engine_of(config)
