"""Does a student keep its teacher's modes? Set distances on held-out observations, against the teacher's own floor.

coverage  mean distance from a teacher trajectory to the nearest of the student's
fidelity  mean distance from a student's trajectory to the nearest of the teacher's
floor     the same between two independent sets of the teacher: 1.0 x floor cannot be beaten honestly
spread    mean pairwise distance of the student's set over the teacher's, per observation; 0 = collapsed
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from f2o_policy.checkpoint import Checkpoint, load_checkpoint
from f2o_policy.data.batches import ObservationBatch, load_batch
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import WindowConfig, Windows
from f2o_policy.errors import CheckpointError, DatasetError
from f2o_policy.methods.base import component_weights, repeat
from f2o_policy.methods.chamfer import chamfer, distances, distinct, spread


def mode_report(
    student: str | Path,
    teacher: str | Path,
    data: str | Path,
    observations: int = 64,
    count: int = 32,
    gripper_weight: float = 0.3,
) -> dict[str, float]:
    """Coverage, fidelity and spread of ``student`` against ``teacher`` on validation observations.

    Raises:
        CheckpointError: the two were not trained on the data set, or one has the wrong kind. DatasetError: too small.
    """
    theirs, ours, dataset = load_checkpoint(teacher), load_checkpoint(student), Dataset(data)
    for checkpoint, path, kind in ((theirs, teacher, "teacher"), (ours, student, "student")):
        if checkpoint.kind != kind:
            raise CheckpointError(path, f"expected a {kind}, got a {checkpoint.kind}")
        if checkpoint.data_sha256 != dataset.sha256:
            raise CheckpointError(path, f"was trained on other data than {data}")
    windows = Windows(
        dataset,
        WindowConfig(
            theirs.horizon, theirs.dt_s, history=theirs.history, history_dt_s=theirs.history_dt_s
        ),
    )
    _, validation = windows.split(theirs.seed)
    if not len(validation):
        raise DatasetError(data, "has one episode: none is left to compare modes on")
    rows = validation[np.linspace(0, len(validation) - 1, min(observations, len(validation))).astype(int)]
    batch = load_batch(windows, theirs.normaliser, rows, np.random.default_rng(0), theirs.points)
    sets = [sample_sets(c, batch, count, seed) for c, seed in ((theirs, 1), (theirs, 2), (ours, 3))]
    return compare_sets(*sets, component_weights(theirs.action_size, gripper_weight))


@torch.inference_mode()
def sample_sets(checkpoint: Checkpoint, batch: ObservationBatch, count: int, seed: int) -> Tensor:
    """(B,count,H,D) normalised chunks of a policy for the observations of ``batch``."""
    network, method = checkpoint.build_network(), checkpoint.build_method()
    embedding = network.stack(network.embed(batch.rgb, batch.depth_mm, batch.points))
    generator = torch.Generator().manual_seed(seed)
    shape = (len(embedding) * count, checkpoint.horizon, checkpoint.action_size)
    noise = torch.randn(shape, generator=generator)
    chunks = method.sample(network.head, noise, repeat(embedding, count), repeat(batch.proprio, count))
    return chunks.unflatten(0, (-1, count))


def compare_sets(teacher: Tensor, again: Tensor, student: Tensor, weights: Tensor) -> dict[str, float]:
    """The numbers of the module's text from three sets (B,K,H,D); ``again`` is the teacher's second."""
    floor = chamfer(distances(teacher, again, weights))
    dist = distances(teacher, student, weights)
    terms = chamfer(dist)
    ratio = spread(student, weights) / spread(teacher, weights).clamp_min(1e-6)
    hit, used = distinct(dist)
    return {
        "coverage": float(terms.coverage.mean()),
        "fidelity": float(terms.fidelity.mean()),
        "floor": float(floor.coverage.mean()),
        "coverage_ratio": float(terms.coverage.mean() / floor.coverage.mean()),
        "fidelity_ratio": float(terms.fidelity.mean() / floor.fidelity.mean()),
        "spread_ratio": float(ratio.mean()),
        "spread_error": float((ratio - 1).abs().mean()),
        "teacher_hit": hit,
        "student_used": used,
    }
