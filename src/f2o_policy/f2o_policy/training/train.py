"""``f2o train``: a teacher from demonstrations, encoder and head together. A flat script."""

from __future__ import annotations

import dataclasses
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from f2o_policy.checkpoint import FILE_NAME, GRIPPER, Checkpoint, save_checkpoint
from f2o_policy.data.batches import ObservationBatch, load_batch
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import Windows
from f2o_policy.errors import DatasetError
from f2o_policy.methods import create, method_class
from f2o_policy.methods.base import Batch, Loss, Method
from f2o_policy.model.fusion import gate_entropy
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.config import Config
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.runs import RunFolder, StopSignal


def train(data: str | Path, out: str | Path, config: Config, progress: bool = True) -> bool:
    """Train the teacher of ``config.teacher``; True when finished, False when stopped by Ctrl-C (resumable).

    Raises:
        DatasetError, RunError: the data or the run folder cannot be used.
    """
    dataset = Dataset(data, verify=True)
    check_fits(dataset, config)
    windows = Windows(dataset, config.window)
    training, validation = windows.split(config.seed)
    normaliser = windows.normaliser(training)
    precision = Precision(config)
    run = RunFolder(out, {"config": dataclasses.asdict(config), "data_sha256": dataset.sha256, "stage": "teacher"})

    stage = config.teacher
    options = dataclasses.asdict(getattr(config, stage.method))
    options["sigma_data"] = action_std(windows, normaliser, training)
    method = create(stage.method, options)
    torch.manual_seed(config.seed)
    network = PolicyNetwork(config.model, normaliser, timed=method_class(stage.method).kind == "teacher")
    network.to(precision.device, memory_format=torch.channels_last)
    optimiser = Optimiser(network, stage, config.seed)
    if (run.path / "state.pt").exists():
        optimiser.load(run.path / "state.pt")
    run.drop_metrics_after(optimiser.step)
    seconds = run.metrics()[-1]["seconds"] if run.metrics() else 0.0

    def save(metrics: dict[str, float]) -> None:
        optimiser.save(run.path / "state.pt")
        save_checkpoint(
            run.path / FILE_NAME,
            Checkpoint(
                kind=method.kind, method=method.name, method_options=options, state=optimiser.averaged,
                metrics=metrics, **provenance(dataset, normaliser, config),
            ),
        )

    held = validation[:: max(1, len(validation) // stage.validation_observations)][: stage.validation_observations]
    resumed, first, metrics = time.perf_counter(), optimiser.step, {}
    began = resumed - seconds
    with StopSignal() as stop, tqdm(total=stage.steps, initial=first, disable=not progress, unit="step") as bar:
        while optimiser.step < stage.steps and not stop.requested:
            optimiser.seed_step()
            rng = np.random.default_rng([config.seed, optimiser.step])
            batch = load_batch(windows, normaliser, rng.choice(training, stage.batch), rng, config.augment)
            with precision.autocast():
                loss, entropy = teacher_loss(network.train(), method, batch, precision.device)
            optimiser.update(loss.total)
            bar.update()
            step = optimiser.step
            if step % stage.log_every == 0 or step == stage.steps:
                rate = stage.batch * (step - first) / (time.perf_counter() - resumed)
                metrics = {
                    "loss": float(loss.total.detach()), **loss.terms, "gate_entropy": entropy,
                    "learning_rate": optimiser.learning_rate(), "seconds": time.perf_counter() - began,
                }
                if len(held) and (step % stage.save_every == 0 or step == stage.steps):
                    batch = load_batch(windows, normaliser, held, np.random.default_rng(config.seed))
                    with torch.no_grad(), precision.autocast():
                        torch.manual_seed(config.seed)
                        value, _ = teacher_loss(network.eval(), method, batch, precision.device)
                    metrics["validation_loss"] = float(value.total)
                run.log(step, metrics)
                bar.set_postfix(loss=f"{metrics['loss']:.4f}", obs_per_s=f"{rate:.0f}")
            if step % stage.save_every == 0:
                save(metrics)
    save(metrics)
    seconds = time.perf_counter() - began
    run.finish(summary(config, dataset.sha256, optimiser.step, seconds, metrics, precision))
    return optimiser.step >= stage.steps


def teacher_loss(
    network: PolicyNetwork, method: Method, batch: ObservationBatch, device: torch.device
) -> tuple[Loss, float]:
    """The method's loss with the encoder in the graph, and the gate's entropy."""
    rgb, depth, points = (x.to(device) for x in (batch.rgb, batch.depth_mm, batch.points))
    embedded = network.embed_with_gate(rgb, depth, points)
    condition = Batch(embedded.embedding, batch.proprio.to(device), batch.actions.to(device)[:, None])
    return method.loss(network.head, condition), float(gate_entropy(embedded.gate.detach()))


def action_std(windows: Windows, normaliser: Normaliser, observations: np.ndarray) -> float:
    """Standard deviation of the normalised actions of the training windows, for the input scaling."""
    some = observations[:: max(1, len(observations) // 500)]
    actions = np.stack([windows.window(int(i)).actions for i in some])
    return float(normaliser.action.forward(actions).std())


def check_fits(dataset: Dataset, config: Config) -> None:
    """The model's input sizes must be those of the data."""
    views, size, points = len(dataset.view_names), dataset.image_size, dataset["points"].shape[1]
    problems = [
        *([] if views == config.model.views else [f"has {views} views, model.views is {config.model.views}"]),
        *([] if size == config.model.image_size else
          [f"has images of {size} px, model.image_size is {config.model.image_size}"]),
        *([] if points >= config.model.points else
          [f"has {points} points an observation, model.points is {config.model.points}"]),
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
    return {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": str(np.__version__)}


def summary(
    config: Config, data_sha256: str, steps: int, seconds: float, metrics: dict[str, float], precision: Precision
) -> dict[str, Any]:
    """What summary.json says of a run."""
    return {
        "seed": config.seed, "data_sha256": data_sha256, "steps": steps, "wall_s": round(seconds, 1),
        "steps_per_s": round(steps / max(seconds, 1e-9), 3), "device": str(precision.device),
        "precision": str(precision.dtype), "threads": torch.get_num_threads(), "processor": platform.processor(),
        "metrics": metrics, "versions": versions(), "config": dataclasses.asdict(config),
    }
