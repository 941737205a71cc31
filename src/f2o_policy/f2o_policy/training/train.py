"""``f2o train``: a teacher from demonstrations, encoder and head together. A flat script."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from f2o_policy.checkpoint import (
    FILE_NAME,
    GRIPPER,
    Checkpoint,
    checkpoint_file,
    file_sha256,
    load_checkpoint,
    save_checkpoint,
)
from f2o_policy.data.augment import AugmentConfig
from f2o_policy.data.batches import load_batch, load_joints
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.share import WHOLE, Share
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import Windows
from f2o_policy.errors import CheckpointError, DatasetError, UnknownNameError
from f2o_policy.methods import METHODS, create
from f2o_policy.methods.base import Batch, Loss, Method
from f2o_policy.model.fusion import gate_entropy
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.config import Config
from f2o_policy.training.encoders import KEEPS, embeddings, freeze, take_weights
from f2o_policy.training.loop import Objective, Progress, Work, run_loop
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.runs import RunFolder
from f2o_policy.training.team import Team


def train(
    data: str | Path,
    out: str | Path,
    config: Config,
    progress: bool = True,
    init: str | Path | None = None,
    encoder: str | Path | None = None,
    keep: str = "encoder",
) -> bool:
    """Train the teacher of ``config.teacher``; True if finished, False if stopped by Ctrl-C (resumable).

    ``init`` is the run or checkpoint of a teacher of the same sizes to start from, instead of random weights.
    ``encoder`` is one whose encoder is taken and kept as it is (``keep`` "trunks": its two ResNets only).

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
    chance = windows.chances(training)
    normaliser = windows.normaliser(training)
    with Team() as team:
        team.divides("teacher.batch", stage.batch)
        precision = Precision(config, team.device)
        settings = {"config": dataclasses.asdict(config), "data_sha256": dataset.sha256, "stage": "teacher"}
        settings |= {"encoder": file_sha256(checkpoint_file(encoder)), "keep": keep} if encoder else {}

        torch.manual_seed(config.seed)
        network, normaliser = start_network(config, normaliser, dataset, init, encoder, keep)
        run = RunFolder(out, settings, team.leader)
        network.to(precision.device, memory_format=torch.channels_last)
        features = None
        if encoder and keep == "encoder":
            if team.leader:
                embeddings(Path(encoder), network, dataset, precision)
            team.wait()
            features = embeddings(Path(encoder), network, dataset, precision)
        optimiser = Optimiser(network, stage, config.seed)
        source = Source(windows, normaliser, config, precision.device, features)
        objective = team.wrap(Objective(network, partial(teacher_loss, method)))

        def loss(rng: np.random.Generator) -> Loss:
            network.train()
            rows = rng.choice(training, stage.batch, p=chance)
            with precision.autocast():
                return Loss(*objective(source.draw(rows, rng, config.augment, team.share)))

        def validate() -> dict[str, float]:
            if not len(held) or not team.leader:
                return {}
            network.eval()
            batch = source.draw(held, np.random.default_rng(config.seed))
            torch.manual_seed(config.seed)
            with torch.no_grad(), precision.autocast():
                value = teacher_loss(method, network, batch)
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

        done = run_loop(run, optimiser, stage, Work(loss, validate, save), team, progress)
        run.finish(summary(config, dataset.sha256, optimiser.step, done, precision, team))
    return done.finished


def start_network(
    config: Config,
    normaliser: Normaliser,
    dataset: Dataset,
    init: str | Path | None,
    encoder: str | Path | None,
    keep: str,
) -> tuple[PolicyNetwork, Normaliser]:
    """A teacher's network with the weights it starts from, and the normaliser that fits them."""
    if encoder is not None:
        if keep not in KEEPS:
            raise UnknownNameError("part to keep", keep, list(KEEPS))
        given = load_checkpoint(encoder)
        check_cameras(given, encoder, dataset)
        normaliser = dataclasses.replace(normaliser, point=given.normaliser.point)
    network = PolicyNetwork(config.model, normaliser, timed=True)
    if init is not None:
        start = load_checkpoint(init)
        check_robot(start, init, dataset)
        take_weights(network, start, Path(init), ("",))
    if encoder is not None:
        take_weights(network, given, Path(encoder), KEEPS[keep])
        freeze(network, KEEPS[keep])
    return network, normaliser


def check_robot(checkpoint: Checkpoint, source: str | Path, dataset: Dataset) -> None:
    """Refuse the weights of another robot: its joints would mean something else."""
    theirs, ours = checkpoint.action_names, (*dataset.joint_names, GRIPPER)
    if theirs != ours:
        raise CheckpointError(source, f"drives {', '.join(theirs)}; {dataset.path} has {', '.join(ours)}")


def check_cameras(checkpoint: Checkpoint, source: str | Path, dataset: Dataset) -> None:
    """Refuse a network that saw another robot, or this one through other cameras."""
    check_robot(checkpoint, source, dataset)
    theirs = (checkpoint.views, checkpoint.image_size)
    ours = (dataset.view_names, dataset.image_size)
    if theirs != ours:
        seen, has = (f"{', '.join(views)} of {size} px" for views, size in (theirs, ours))
        raise CheckpointError(source, f"sees {seen}; {dataset.path} has {has}")


@dataclass(frozen=True)
class Source:
    """Draws batches for the teacher, on its device; ``features`` (N,F) replace images where the encoder is frozen."""

    windows: Windows
    normaliser: Normaliser
    config: Config
    device: torch.device
    features: np.ndarray | None

    def draw(
        self,
        rows: np.ndarray,
        rng: np.random.Generator,
        augment: AugmentConfig | None = None,
        share: Share = WHOLE,
    ) -> TeacherBatch:
        """The windows of ``rows``, this process' share of them."""
        if self.features is not None:
            small = load_joints(self.windows, self.normaliser, rows, rng, augment, share)
            arrays = (np.asarray(self.features[small.frames]), small.proprio, small.actions)
            tensors = (torch.from_numpy(x).to(self.device) for x in arrays)
            return TeacherBatch(None, *tensors, share)
        points = self.config.model.points
        batch = load_batch(self.windows, self.normaliser, rows, rng, points, augment, share)
        rgb, depth, cloud = (x.to(self.device) for x in (batch.rgb, batch.depth_mm, batch.points))
        proprio, actions = (x.to(self.device) for x in (batch.proprio, batch.actions))
        return TeacherBatch((rgb, depth, cloud), None, proprio, actions, share)


@dataclass(frozen=True)
class TeacherBatch:
    """Images (colour, depth, points) or ready embeddings of each frame, and the joint states and actions."""

    images: tuple[Tensor, Tensor, Tensor] | None
    frames: Tensor | None
    proprio: Tensor
    actions: Tensor
    share: Share


def teacher_loss(method: Method, network: PolicyNetwork, batch: TeacherBatch) -> Loss:
    """The method's loss with the encoder in the graph; the gate's entropy joins its terms."""
    terms: dict[str, float] = {}
    if batch.images is not None:
        frames, gate = network.embed_with_gate(*batch.images)
        terms["gate_entropy"] = float(gate_entropy(gate.detach()))
    else:
        assert batch.frames is not None
        frames = batch.frames
    condition = Batch(network.stack(frames), batch.proprio, batch.actions[:, None], share=batch.share)
    loss = method.loss(network.head, condition)
    return Loss(loss.total, loss.terms | terms)


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
        "history_dt_s": config.window.history_dt_s,
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
    config: Config, data_sha256: str, steps: int, done: Progress, precision: Precision, team: Team
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
        "processes": team.world,
        "metrics": done.metrics,
        "versions": versions(),
        "config": dataclasses.asdict(config),
    }
