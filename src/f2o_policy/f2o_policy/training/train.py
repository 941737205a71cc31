"""``f2o train``: a teacher from demonstrations, encoder and head together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from f2o_policy.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from f2o_policy.data.augment import AugmentConfig
from f2o_policy.data.batches import load_batch, load_joints
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.shard import WHOLE, Shard
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import Windows, spaced
from f2o_policy.errors import UnknownNameError
from f2o_policy.methods import create
from f2o_policy.methods.base import Batch, Loss, Method
from f2o_policy.model.fusion import gate_entropy
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.plain_values import FILE_NAME
from f2o_policy.training.checks import (
    check_cameras,
    check_fits,
    check_robot,
    stage_options,
    warn_about_seen_episodes,
)
from f2o_policy.training.config import Config
from f2o_policy.training.encoders import FROZEN_PARTS, copy_weights, embeddings, freeze
from f2o_policy.training.loop import Objective, Work, run_loop
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.process_group import ProcessGroup
from f2o_policy.training.records import provenance, summary
from f2o_policy.training.runs import RunFolder


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
    ``encoder`` is one whose encoder is copied and frozen (``keep`` "trunks": its two ResNets only).

    Raises:
        CheckpointError, DatasetError, RunError, UnknownNameError: an input cannot be used.
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
    with ProcessGroup() as group:
        group.check_divides("teacher.batch", stage.batch)
        precision = Precision(config, group.device)
        settings = {"config": dataclasses.asdict(config), "data_sha256": dataset.sha256, "stage": "teacher"}
        given = {name: load_checkpoint(path) for name, path in (("init", init), ("encoder", encoder)) if path}
        settings |= {name: one.source_sha256 for name, one in given.items()}
        settings |= {"keep": keep} if encoder else {}
        if group.is_rank0:
            warn_about_seen_episodes(given, dataset, config)

        torch.manual_seed(config.seed)
        network, normaliser = start_network(config, normaliser, dataset, init, encoder, keep)
        run = RunFolder(out, settings, group.is_rank0)
        # pyrefly: ignore[no-matching-overload]: torch's types do not know memory_format of modules
        network.to(precision.device, memory_format=torch.channels_last)
        features = None
        if encoder and keep == "encoder":
            if group.is_rank0:
                embeddings(Path(encoder), network, dataset, precision)
            group.barrier()
            features = embeddings(Path(encoder), network, dataset, precision)
        optimiser = Optimiser(network, stage, config.seed)
        source = Source(windows, normaliser, config, precision.device, features)
        objective = group.wrap(Objective(network, partial(teacher_loss, method)))

        def loss(rng: np.random.Generator) -> Loss:
            network.train()
            rows = rng.choice(training, stage.batch, p=chance)
            with precision.autocast():
                return Loss(*objective(source.draw(rows, rng, config.augment, group.shard)))

        def validate() -> dict[str, float]:
            if not len(held) or not group.is_rank0:
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

        done = run_loop(run, optimiser, stage, Work(loss, validate, save), group, progress)
        run.finish(summary(config, dataset.sha256, optimiser.step, done, precision, group))
    return done.finished


def start_network(
    config: Config,
    normaliser: Normaliser,
    dataset: Dataset,
    init: str | Path | None,
    encoder: str | Path | None,
    keep: str,
) -> tuple[PolicyNetwork, Normaliser]:
    """A teacher's network with its initial weights, and the normaliser that fits them.

    Raises:
        CheckpointError, UnknownNameError: an input cannot be used.
    """
    given = None
    if encoder is not None:
        if keep not in FROZEN_PARTS:
            raise UnknownNameError("part to keep", keep, list(FROZEN_PARTS))
        given = load_checkpoint(encoder)
        check_cameras(given, encoder, dataset)
        normaliser = dataclasses.replace(normaliser, point=given.normaliser.point)
    network = PolicyNetwork(config.model, normaliser, timed=True)
    if init is not None:
        start = load_checkpoint(init)
        check_robot(start, init, dataset)
        copy_weights(network, start, Path(init), ("",))
    if encoder is not None and given is not None:
        copy_weights(network, given, Path(encoder), FROZEN_PARTS[keep])
        freeze(network, FROZEN_PARTS[keep])
    return network, normaliser


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
        shard: Shard = WHOLE,
    ) -> TeacherBatch:
        """This rank's shard of the windows of ``rows``."""
        if self.features is not None:
            small = load_joints(self.windows, self.normaliser, rows, rng, augment, shard)
            arrays = (np.asarray(self.features[small.frames]), small.proprio, small.actions)
            frames, proprio, actions = (torch.from_numpy(x).to(self.device) for x in arrays)
            return TeacherBatch(None, frames, proprio, actions, shard)
        points = self.config.model.points
        batch = load_batch(self.windows, self.normaliser, rows, rng, points, augment, shard)
        rgb, depth, cloud = (x.to(self.device) for x in (batch.rgb, batch.depth_mm, batch.points))
        proprio, actions = (x.to(self.device) for x in (batch.proprio, batch.actions))
        return TeacherBatch((rgb, depth, cloud), None, proprio, actions, shard)


@dataclass(frozen=True)
class TeacherBatch:
    """Images (colour, depth, points) or embeddings of each frame, joint states and actions."""

    images: tuple[Tensor, Tensor, Tensor] | None
    frames: Tensor | None
    proprio: Tensor
    actions: Tensor
    shard: Shard


def teacher_loss(method: Method, network: PolicyNetwork, batch: TeacherBatch) -> Loss:
    """The method's loss with the encoder in the graph, and the gate's entropy as one more term."""
    terms: dict[str, float] = {}
    if batch.images is not None:
        frames, gate = network.embed_with_gate(*batch.images)
        terms["gate_entropy"] = float(gate_entropy(gate.detach()))
    else:
        assert batch.frames is not None
        frames = batch.frames
    condition = Batch(network.stack(frames), batch.proprio, batch.actions[:, None], shard=batch.shard)
    loss = method.loss(network.head, condition)
    return Loss(loss.total, loss.terms | terms)
