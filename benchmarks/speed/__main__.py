"""``python -m benchmarks.speed``: time every stage from rendering to the joint target, and the learning beside it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from f2o_nodekit.errors import F2oError
from f2o_nodekit.stamps import NS_PER_S
from f2o_perception.frames import Observation
from f2o_policy.checkpoint import Checkpoint, load_checkpoint
from f2o_policy.commands.common import positive
from f2o_policy.errors import EngineError
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.load import engine_of, load_engine, resolve_backend
from f2o_sim.rollout.episode import Rollout
from f2o_sim.session import Session
from tqdm import tqdm

from benchmarks.common.record import write_result
from benchmarks.forks.timing import compare
from benchmarks.speed import heads, learning

matplotlib.use("Agg")
HYPOTHESES = (1, 2, 4, 8, 16)
PARTS = ("simulation", "engines", "equality", "heads", "teacher_50_against_student", "learning")


def main() -> int:
    """Measure and write bench.json and bench.png; 2 with one sentence when something is missing."""
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/reach_around"))
    parser.add_argument("--repeats", type=positive, default=300)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure (default: all)"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        result = _measure(arguments.checkpoints, arguments.repeats, arguments.only)
    except F2oError as error:
        print(f"speed: {error}", file=sys.stderr)
        return 2
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_result(arguments.out / "bench.json", result)
    if "engines" in result:
        _draw(result, arguments.out / "bench.png")
    _print(result)
    return 0


def _measure(checkpoints: Path, repeats: int, parts: Sequence[str]) -> dict[str, Any]:
    student = load_checkpoint(checkpoints / "student.pt")
    observations, simulation = _simulate()
    backends = _backends()
    measures: dict[str, Callable[[], Any]] = {
        "simulation": lambda: simulation,
        "engines": lambda: _engines(student, observations[0], backends, repeats),
        "equality": lambda: _equality(student, _windows(checkpoints / "student.pt"), backends),
        "heads": lambda: heads.measure(student, backends, repeats),
        "teacher_50_against_student": lambda: compare(
            load_checkpoint(checkpoints / "teacher.pt"), student, observations
        ),
        "learning": lambda: learning.measure(checkpoints, len(os.sched_getaffinity(0))),
    }
    return {part: measures[part]() for part in PARTS if part in parts}


def _simulate(seconds: float = 4.0) -> tuple[list[Observation], dict[str, float]]:
    """Hold still in the simulator: how much faster than real time world, cameras and perception run together."""
    session = Session()
    observations: list[Observation] = []
    try:
        first = session.reset(0)
        begin, cpu = time.perf_counter(), time.process_time()
        step, start_ns = first, first.time_ns
        while step.time_ns - start_ns < seconds * NS_PER_S:
            step = session.step(None)
            if step.observation is not None:
                observations.append(step.observation)
        wall, used = time.perf_counter() - begin, time.process_time() - cpu
    finally:
        session.close()
    return observations, {
        "real_time_factor": round(seconds / wall, 2),
        "cpu_ms_an_observation": round(used / len(observations) * 1e3, 2),
    }


def _backends() -> list[tuple[str, str]]:
    """What can be tried here; a precision that this processor lacks is refused later, and that is reported."""
    found = {
        "torch": [],
        "openvino": [("openvino", "f32"), ("openvino", "bf16")],
        "cuda": [("cuda", "f32"), ("cuda", "f16")],
    }
    return [("torch", "f32"), *found[resolve_backend("auto")]]


def _equality(
    student: Checkpoint, observations: list[Observation], backends: list[tuple[str, str]]
) -> dict[str, Any]:
    """How far each backend is from eager torch over a thousand windows."""
    rows: dict[str, Any] = {}
    for backend, precision in backends[1:]:
        try:
            rows[f"{backend} {precision}"] = heads.equality(student, observations, backend, precision)
        except EngineError as error:
            rows[f"{backend} {precision}"] = {"refused": str(error)}
    return rows


def _windows(student: Path, seeds: range = range(4000, 4004)) -> list[Observation]:
    """What the student sees while it plays: every observation of some episodes."""
    session, config = Session(camera_hz=15.0), PolicyConfig(checkpoint=str(student), replan_ticks=4)
    rollout = Rollout(session, engine_of(config), config)
    seen: list[Observation] = []
    try:
        for seed in tqdm(seeds, desc="windows", unit="episode"):
            step = rollout.begin(seed)
            while not step.done:
                seen += [] if step.observation is None else [step.observation]
                step = rollout.tick(step)
    finally:
        session.close()
    return seen


def _engines(
    student: Checkpoint, observation: Observation, backends: list[tuple[str, str]], repeats: int
) -> list[dict[str, Any]]:
    """Every backend and precision: embedding once, plans for each number of hypotheses."""
    rows = []
    for backend, precision in tqdm(backends, desc="backends", unit="backend"):
        for many in HYPOTHESES:
            try:
                rows.append(_engine_row(student, observation, backend, precision, many, repeats))
            except EngineError as error:  # a precision this CPU does not have: say so in the result
                rows.append(
                    {"backend": backend, "precision": precision, "hypotheses": many, "refused": str(error)}
                )
    return rows


def _engine_row(
    student: Checkpoint, observation: Observation, backend: str, precision: str, many: int, repeats: int
) -> dict[str, Any]:
    engine = load_engine(student, many, backend, precision)
    noise = np.random.default_rng(0).standard_normal(
        (many, student.horizon, student.action_size), dtype=np.float32
    )
    joints = np.append(observation.joint_positions, observation.gripper_width)
    embedding = engine.embed(observation)
    return {
        "backend": backend,
        "precision": precision,
        "hypotheses": many,
        "embed_ms": _percentiles(lambda: engine.embed(observation), repeats // 5),
        "plan_ms": _percentiles(lambda: engine.plan(embedding, joints, noise), repeats),
    }


def _percentiles(call: Callable[[], Any], repeats: int) -> dict[str, float]:
    """p50 and p99 of the wall time of ``call`` [ms], after a warm-up."""
    times = []
    for index in range(repeats + 20):
        begin = time.perf_counter()
        call()
        if index >= 20:
            times.append((time.perf_counter() - begin) * 1e3)
    return {
        "p50": round(float(np.percentile(times, 50)), 3),
        "p99": round(float(np.percentile(times, 99)), 3),
    }


def _draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), constrained_layout=True)
    rows = [row for row in result["engines"] if "refused" not in row]
    for name in dict.fromkeys(f"{row['backend']} {row['precision']}" for row in rows):
        line = [row for row in rows if f"{row['backend']} {row['precision']}" == name]
        axes.plot([r["hypotheses"] for r in line], [r["plan_ms"]["p50"] for r in line], "o-", label=name)
    axes.axhline(8.0, color="grey", linestyle=":", label="one tick")
    axes.set(
        xlabel="hypotheses in one batch", ylabel="one plan, p50 [ms], one thread", xscale="log", yscale="log"
    )
    axes.set_xticks(HYPOTHESES, [str(m) for m in HYPOTHESES])
    axes.legend()
    figure.savefig(path, dpi=150)


def _print(result: dict[str, Any]) -> None:
    for part, numbers in result.items():
        PRINT[part](numbers)


def _print_engines(rows: list[dict[str, Any]]) -> None:
    eager = {r["hypotheses"]: r["plan_ms"]["p50"] for r in rows if r["backend"] == "torch"}
    for row in rows:
        name = f"{row['backend']} {row['precision']} M={row['hypotheses']}"
        if "refused" in row:
            print(f"  {name:<22} refused: {row['refused']}")
            continue
        plan, embed = row["plan_ms"], row["embed_ms"]
        ratio = eager[row["hypotheses"]] / plan["p50"]
        times = f"plan {plan['p50']:7.3f} / {plan['p99']:7.3f} ms   embed {embed['p50']:6.2f} ms"
        print(f"  {name:<22} {times}   {ratio:4.1f} x eager")


def _print_ratios(ratios: dict[str, dict[str, float]]) -> None:
    for backend, row in ratios.items():
        whole, head = row["ratio_end_to_end"], row["ratio_head_only"]
        print(f"  teacher 50 steps / student, {backend}: end to end {whole}, head only {head}")


def _print_equality(rows: dict[str, Any]) -> None:
    for name, row in rows.items():
        print(f"  {name} against eager torch: {row}")


def _print_heads(measured: dict[str, Any]) -> None:
    print(f"heads, one thread, at most {measured['matrix_gflops']} GFLOP/s:")
    for row in measured["rows"]:
        if "refused" not in row:
            print("  " + "  ".join(f"{key} {value}" for key, value in row.items()))


def _print_learning(learned: dict[str, Any]) -> None:
    print(f"learning, {learned['threads']} threads, {learned['matrix_gflops']} GFLOP/s in a matrix product:")
    for name in ("train", "sample", "distill"):
        print(f"  {name:<8} {learned[name]}")
    for row in learned["distill_memory"]:
        print(f"  distillation memory {row}")


PRINT = {
    "simulation": lambda numbers: print(f"world, cameras and perception: {numbers}"),
    "engines": _print_engines,
    "equality": _print_equality,
    "heads": _print_heads,
    "teacher_50_against_student": _print_ratios,
    "learning": _print_learning,
}


if __name__ == "__main__":
    sys.exit(main())
