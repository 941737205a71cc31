"""The head by width, backend and number of hypotheses, against this machine's roofline; and what an export computes.

Untrained networks of the right sizes: timing does not look at weights. The roofline is the larger of two times, the
arithmetic at the rate of a large matrix product and one reading of the weights at the rate of a large sum.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from f2o_nodekit.config import load_config
from f2o_nodekit.paths import config_file
from f2o_perception.frames import Observation
from f2o_policy.checkpoint import Checkpoint
from f2o_policy.errors import EngineError
from f2o_policy.model.config import ModelConfig
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.load import load_engine
from f2o_policy.runtime.parts import HeadPart, example_inputs
from f2o_policy.training.config import Config
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from benchmarks.speed.learning import matrix_gflops

HYPOTHESES = (1, 2, 4, 8)
WIDTHS = ((64, 128, 256), (128, 256, 512), (256, 512, 1024))
TICK_MS = 8.0


def measure(student: Checkpoint, backends: list[tuple[str, str]], repeats: int) -> dict[str, Any]:
    """A row for every width, backend and number of hypotheses, on one thread."""
    gflops, gbytes = matrix_gflops(), memory_gbytes()
    rows = []
    sizes = _sizes(student)
    with tqdm(total=len(sizes) * len(backends) * len(HYPOTHESES), desc="heads", unit="head") as bar:
        for name, checkpoint in sizes.items():
            for backend, precision in backends:
                for many in HYPOTHESES:
                    rows.append(_row(name, checkpoint, backend, precision, many, repeats, gflops, gbytes))
                    bar.update()
    return {"matrix_gflops": round(gflops, 1), "memory_gbytes_per_s": round(gbytes, 1), "rows": rows}


def memory_gbytes(megabytes: int = 256, repeats: int = 8) -> float:
    """The best of several sums over an array far larger than the caches [GB/s]."""
    array = np.ones(megabytes * 1_000_000 // 4, np.float32)
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        array.sum()
        best = min(best, time.perf_counter() - begin)
    return array.nbytes / best / 1e9


def equality(
    student: Checkpoint, observations: list[Observation], backend: str, precision: str, windows: int = 1000
) -> dict[str, float]:
    """Largest and median difference of a backend from eager float32 torch over many windows [mrad].

    A window is an observation with its joints and a noise of its own; each observation is used as often as needed.
    """
    engine, truth = load_engine(student, 1, backend, precision), load_engine(student, 1, "torch")
    rng, worst = np.random.default_rng(0), []
    embeddings = [(engine.embed(o), truth.embed(o)) for o in observations]
    for k in range(windows):
        seen = observations[k % len(observations)]
        joints = np.append(seen.joint_positions, seen.gripper_width)
        noise = rng.standard_normal((1, student.horizon, student.action_size), dtype=np.float32)
        plans = [
            e.plan(v, joints, noise)
            for e, v in zip((engine, truth), embeddings[k % len(embeddings)], strict=True)
        ]
        worst.append(np.abs(plans[0] - plans[1])[..., :-1].max())
    return {
        "windows": windows,
        "observations": len(observations),
        "max_mrad": round(float(np.max(worst)) * 1e3, 5),
        "median_mrad": round(float(np.median(worst)) * 1e3, 5),
    }


def _sizes(student: Checkpoint) -> dict[str, Checkpoint]:
    """The small model with heads of three widths, and the paper-size model."""
    small = student.model_config
    configs = {f"small, {'/'.join(map(str, w))}": dataclasses.replace(small, unet_widths=w) for w in WIDTHS}
    paper = load_config(Config, Path(config_file("policy_paper.yaml"))).model
    return {name: _untrained(student, config) for name, config in (configs | {"paper": paper}).items()}


def _untrained(student: Checkpoint, config: ModelConfig) -> Checkpoint:
    torch.manual_seed(0)
    state = PolicyNetwork(config, student.normaliser, timed=False).state_dict()
    return dataclasses.replace(
        student,
        state=state,
        config=dataclasses.asdict(config),
        horizon=config.horizon,
        image_size=config.image_size,
        points=config.points,
    )


def _row(
    name: str,
    checkpoint: Checkpoint,
    backend: str,
    precision: str,
    many: int,
    repeats: int,
    gflops: float,
    gbytes: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {"head": name, "backend": backend, "precision": precision, "hypotheses": many}
    try:
        engine = load_engine(checkpoint, many, backend, precision)
    except EngineError as error:
        return row | {"refused": str(error)}
    times = _times(engine, checkpoint, many, repeats)
    network = checkpoint.build_network()
    head = HeadPart(network)
    flop, weights = _flop(head, checkpoint, many), sum(p.numel() for p in network.unet.parameters())
    bound_ms = max(flop / gflops / 1e6, weights * 4 / gbytes / 1e6)
    comparable = backend != "cuda" and precision == "f32"  # as the roofline was measured
    p50, p99 = np.percentile(times, [50, 99])
    return row | {
        "million_weights": round(weights / 1e6, 2),
        "gflop": round(flop / 1e9, 3),
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "times_the_roofline": round(float(p50) / bound_ms, 2) if comparable else None,
        "holds_125_hz": bool(p99 < TICK_MS),
    }


def _times(engine: NetworkEngine, checkpoint: Checkpoint, many: int, repeats: int) -> list[float]:
    rng = np.random.default_rng(0)
    spec = checkpoint.spec
    noise = rng.standard_normal((many, spec.horizon, spec.action_size), dtype=np.float32)
    embedding = rng.standard_normal(spec.embedding_size, dtype=np.float32)
    joints = spec.normaliser.proprio.decode(np.zeros(spec.joint_size))
    times = []
    for index in range(repeats + 20):
        begin = time.perf_counter()
        engine.plan(embedding, joints, noise)
        if index >= 20:
            times.append((time.perf_counter() - begin) * 1e3)
    return times


def _flop(head: HeadPart, checkpoint: Checkpoint, many: int) -> int:
    _, inputs = example_inputs(checkpoint, many)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        head(*inputs)
    return counter.get_total_flops()
