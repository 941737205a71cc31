"""``f2o train``: a teacher from demonstrations, encoder and head together. A flat script."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from f2o_policy.checkpoint import FILE_NAME, GRIPPER, Checkpoint, load_checkpoint, save_checkpoint
from f2o_policy.data.batches import ObservationBatch, load_batch
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import Windows
from f2o_policy.errors import DatasetError, UnknownNameError
from f2o_policy.methods import METHODS, create
from f2o_policy.methods.base import Batch, Loss, Method
from f2o_policy.model.fusion import gate_entropy
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.config import Config
from f2o_policy.training.loop import Progress, Work, run_loop
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.runs import RunFolder


def train(
    data: str | Path, out: str | Path, config: Config, progress: bool = True, init: str | Path | None = None
) -> bool:
    """Train the teacher of ``config.teacher``; True if finished, False if stopped by Ctrl-C (resumable).

    ``init`` is the run or checkpoint of a teacher of the same sizes to start from, instead of random weights.

    Raises:
        CheckpointError, DatasetError, RunError, UnknownNameError: what is given cannot be used.
    """
    stage = config.teacher
    method = create(stage.method, dataclasses.asdict(stage_options(config, stage.method, "teacher")))
    dataset = Dataset(data, verify=True)
    check_fits(dataset, config)
    windows = Windows(dataset, config.window)
    training, validation = windows.split(config.seed)
    held = spaced(validation, stage.validation_observations)
    normaliser = windows.normaliser(training)
    precision = Precision(config)
    run = RunFolder(
        out, {"config": dataclasses.asdict(config), "data_sha256": dataset.sha256, "stage": "teacher"}
    )

    torch.manual_seed(config.seed)
    network = PolicyNetwork(config.model, normaliser, timed=True)
    if init is not None:
        network.load_state_dict(load_checkpoint(init).state)
    network.to(precision.device, memory_format=torch.channels_last)
    optimiser = Optimiser(network, stage, config.seed)

    def loss(rng: np.random.Generator) -> Loss:
        batch = load_batch(
            windows, normaliser, rng.choice(training, stage.batch), rng, config.model.points, config.augment
        )
        with precision.autocast():
            return teacher_loss(network.train(), method, batch, precision.device)

    def validate() -> dict[str, float]:
        if not len(held):
            return {}
        batch = load_batch(windows, normaliser, held, np.random.default_rng(config.seed), config.model.points)
        torch.manual_seed(config.seed)
        with torch.no_grad(), precision.autocast():
            value = teacher_loss(network.eval(), method, batch, precision.device)
        return {"validation_loss": float(value.total)}

    def save(metrics: dict[str, float]) -> None:
        checkpoint = Checkpoint(
            kind="teacher",
            method=method.name,
            method_options=dataclasses.asdict(method.options),
            state=optimiser.averaged,
            metrics=metrics,
            **provenance(dataset, normaliser, config),
        )
        save_checkpoint(run.path / FILE_NAME, checkpoint)

    done = run_loop(run, optimiser, stage, Work(loss, validate, save), progress)
    run.finish(summary(config, dataset.sha256, optimiser.step, done, precision))
    return done.finished


def teacher_loss(
    network: PolicyNetwork, method: Method, batch: ObservationBatch, device: torch.device
) -> Loss:
    """The method's loss with the encoder in the graph; the gate's entropy joins its terms."""
    rgb, depth, points = (x.to(device) for x in (batch.rgb, batch.depth_mm, batch.points))
    embedded = network.embed_with_gate(rgb, depth, points)
    condition = Batch(embedded.embedding, batch.proprio.to(device), batch.actions.to(device)[:, None])
    loss = method.loss(network.head, condition)
    return Loss(loss.total, loss.terms | {"gate_entropy": float(gate_entropy(embedded.gate.detach()))})


def stage_options(config: Config, name: str, kind: str) -> Any:
    """Options of the method ``name`` in ``config``; it must be of ``kind``.

    Raises:
        UnknownNameError: no such method, or one of the other kind.
    """
    legal = [known for known, cls in METHODS.items() if cls.kind == kind]
    if name not in legal:
        raise UnknownNameError(f"{kind} method", name, legal)
    return getattr(config, name)


def spaced(rows: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of ``rows``, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)] if len(rows) else rows


def check_fits(dataset: Dataset, config: Config) -> None:
    """The model's input sizes must be those of the data."""
    views, size, points = len(dataset.view_names), dataset.image_size, dataset["points"].shape[1]
    problems = [
        *([] if views == config.model.views else [f"has {views} views, model.views is {config.model.views}"]),
        *(
            []
            if size == config.model.image_size
            else [f"has images of {size} px, model.image_size is {config.model.image_size}"]
        ),
        *(
            []
            if points >= config.model.points
            else [f"has {points} points an observation, model.points is {config.model.points}"]
        ),
    ]
    if problems:
        raise DatasetError(dataset.path, "; ".join(problems))


def provenance(dataset: Dataset, normaliser: Normaliser, config: Config) -> dict[str, Any]:
    """The fields of a checkpoint that follow from the data and the configuration."""
    return {
        "config": dataclasses.asdict(config.model),
        "normaliser": normaliser,
        "horizon": config.window.horizon,
        "dt_s": config.window.dt_s,
        "action_names": (*dataset.joint_names, GRIPPER),
        "views": dataset.view_names,
        "image_size": dataset.image_size,
        "points": config.model.points,
        "workspace": tuple(zip(normaliser.point.low, normaliser.point.high, strict=True)),
        "seed": config.seed,
        "data_sha256": dataset.sha256,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """What the run was made with."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": str(np.__version__),
    }


def summary(
    config: Config, data_sha256: str, steps: int, done: Progress, precision: Precision
) -> dict[str, Any]:
    """What summary.json says of a run."""
    return {
        "seed": config.seed,
        "data_sha256": data_sha256,
        "steps": steps,
        "wall_s": round(done.seconds, 1),
        "steps_per_s": round(steps / max(done.seconds, 1e-9), 3),
        "device": str(precision.device),
        "precision": str(precision.dtype),
        "threads": torch.get_num_threads(),
        "metrics": done.metrics,
        "versions": versions(),
        "config": dataclasses.asdict(config),
    }
