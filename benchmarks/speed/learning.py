"""Throughput and memory of training, sampling and distillation, as shares of what this machine multiplies.

Synthetic inputs of the model's sizes: what is timed is the arithmetic, reading a data set is timed apart from it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from f2o_policy.checkpoint import Checkpoint, load_checkpoint
from f2o_policy.data.shard import WHOLE
from f2o_policy.methods import create
from f2o_policy.methods.base import Batch, Method
from f2o_policy.methods.chamfer import chamfer
from f2o_policy.methods.imle import Imle
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.config import StageConfig
from f2o_policy.training.distill import student_from
from f2o_policy.training.optimise import Optimiser
from f2o_policy.training.train import TeacherBatch, teacher_loss
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

BATCH, SET = 32, 16
MEMORY_ROWS = ((2, 0), (SET, 0), (SET, 4 * SET))  # hypotheses, sequences at a time


def measure(checkpoints: Path, threads: int) -> dict[str, Any]:
    """Everything, with ``threads`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        teacher = load_checkpoint(checkpoints / "teacher.pt")
        peak = matrix_gflops()
        result = {
            "threads": threads,
            "matrix_gflops": round(peak, 1),
            "train": _training(teacher, peak),
            "sample": _sampling(teacher, peak),
            "distill": _distillation(teacher, peak),
            "distill_memory": _memory(teacher),
        }
    finally:
        torch.set_num_threads(before)
    return result


def matrix_gflops(size: int = 1536, repeats: int = 8) -> float:
    """The best of several products of two square float32 matrices."""
    a, b = torch.randn(2, size, size)
    return 2 * size**3 / min(_seconds(lambda: a @ b) for _ in range(repeats)) / 1e9


def _training(checkpoint: Checkpoint, peak: float) -> dict[str, float]:
    """A teacher's step as the small model is trained: encoder and head, four draws per observation."""
    # pyrefly: ignore[no-matching-overload]: torch's types do not know memory_format of modules
    network = checkpoint.build_network().train().to(memory_format=torch.channels_last)
    method, batch = create("cfm", {"draws": 4}), _images(network, BATCH)
    optimiser = Optimiser(network, StageConfig("cfm", 100, BATCH), 0)

    def step() -> None:
        optimiser.update(teacher_loss(method, network, batch).total)

    return _row(step, BATCH, "samples_per_s", peak)


def _sampling(checkpoint: Checkpoint, peak: float) -> dict[str, float]:
    """Fifty Euler steps of sixteen trajectories for sixteen observations."""
    network, method = checkpoint.build_network(), checkpoint.build_method()
    batch = _sets(network, SET * SET)

    @torch.inference_mode()
    def step() -> None:
        method.sample(network.head, batch.targets[:, 0], batch.embedding, batch.proprio)

    return _row(step, SET * SET, "trajectories_per_s", peak, repeats=2)


def _distillation(checkpoint: Checkpoint, peak: float) -> dict[str, float]:
    """A student's step, M = K = 16, and the share of it that the set distance takes, forwards and backwards."""
    network = student_from(checkpoint).train()
    for parameter in network.encoder_parameters():
        parameter.requires_grad_(False)
    method, batch = create("imle", {"hypotheses": SET}), _sets(network, SET, SET)
    assert isinstance(method, Imle)
    optimiser = Optimiser(network, StageConfig("imle", 100, SET), 0)
    row = _row(lambda: optimiser.update(method.loss(network.head, batch).total), SET, "samples_per_s", peak)
    drawn = torch.randn_like(batch.targets).requires_grad_()
    alone = min(
        _seconds(lambda: chamfer(method.distances(batch.targets, drawn)).total.mean().backward())
        for _ in range(5)
    )
    return row | {"chamfer_share": round(alone / row["step_s"], 4)}


def _memory(checkpoint: Checkpoint) -> list[dict[str, float]]:
    """Peak of what a distillation step allocates, gradients included [MB], and its time."""
    network = student_from(checkpoint).train()
    rows = []
    for many, at_once in MEMORY_ROWS:
        method = create("imle", {"hypotheses": many, "rows_at_once": at_once})
        batch = _sets(network, BATCH, many)

        def step(method: Method = method, batch: Batch = batch) -> None:
            method.loss(network.head, batch).total.backward()

        step()
        rows.append(
            {
                "hypotheses": many,
                "rows_at_once": at_once,
                "peak_mb": round(_peak_bytes(step) / 1e6, 1),
                "seconds": round(min(_seconds(step) for _ in range(3)), 3),
            }
        )
    return rows


def _peak_bytes(step: Callable[[], None]) -> int:
    """The most that tensors made in ``step`` held at once; the size of the process keeps what was freed."""
    with (
        warnings.catch_warnings(),
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler,
    ):
        warnings.simplefilter("ignore")
        step()
    results: Any = profiler.profiler  # torch's types do not know what they hold
    held = peak = 0
    for event in results.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def _images(network: PolicyNetwork, count: int) -> TeacherBatch:
    config, g = network.config, torch.Generator().manual_seed(0)
    size = (count * config.history, config.views, config.image_size, config.image_size)
    rgb = torch.randint(0, 256, (*size, 3), generator=g, dtype=torch.uint8)
    depth = 2000 * torch.rand(size, generator=g)
    points = torch.rand(count * config.history, config.points, 3, generator=g)
    small = _sets(network, count)
    return TeacherBatch((rgb, depth, points), None, small.proprio, small.targets[:, 0], WHOLE)


def _sets(network: PolicyNetwork, count: int, many: int = 1) -> Batch:
    config, g = network.config, torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=g)

    joints = normal(config.history * config.action_dim)
    return Batch(normal(config.embedding_dim), joints, normal(many, config.horizon, config.action_dim))


def _row(
    step: Callable[[], None], samples: int, name: str, peak: float, repeats: int = 5
) -> dict[str, float]:
    with FlopCounterMode(display=False) as counter:
        step()
    seconds = min(_seconds(step) for _ in range(repeats))
    gflop = counter.get_total_flops() / 1e9
    return {
        name: round(samples / seconds, 1),
        "step_s": round(seconds, 4),
        "gflop": round(gflop, 2),
        "share_of_matrix_throughput": round(gflop / seconds / peak, 3),
    }


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
