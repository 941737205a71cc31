"""``f2o train``: a teacher from demonstrations, encoder and head together. A flat script."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from f2o_policy.checkpoint import FILE_NAME, Checkpoint, load_checkpoint, save_checkpoint
from f2o_policy.data.augment import AugmentConfig
from f2o_policy.data.batches import load_batch, load_joints
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.share import WHOLE, Share
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import Windows, spaced
from f2o_policy.errors import UnknownNameError
from f2o_policy.methods import create
from f2o_policy.methods.base import Batch, Loss, Method
from f2o_policy.model.fusion import gate_entropy
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.checks import (
    check_cameras,
    check_fits,
    check_robot,
    stage_options,
    warn_of_seen,
)
from f2o_policy.training.config import Config
from f2o_policy.training.encoders import KEEPS, embeddings, freeze, take_weights
from f2o_policy.training.loop import Objective, Work, run_loop
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.records import provenance, summary
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
        given = {name: load_checkpoint(path) for name, path in (("init", init), ("encoder", encoder)) if path}
        settings |= {name: one.source_sha256 for name, one in given.items()}
        settings |= {"keep": keep} if encoder else {}
        if team.leader:
            warn_of_seen(given, dataset, config)

        torch.manual_seed(config.seed)
        network, normaliser = start_network(config, normaliser, dataset, init, encoder, keep)
        run = RunFolder(out, settings, team.leader)
        # pyrefly: ignore[no-matching-overload]: torch's types do not know memory_format of modules
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
    given = None
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
    if encoder is not None and given is not None:
        take_weights(network, given, Path(encoder), KEEPS[keep])
        freeze(network, KEEPS[keep])
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
        share: Share = WHOLE,
    ) -> TeacherBatch:
        """The windows of ``rows``, this process' share of them."""
        if self.features is not None:
            small = load_joints(self.windows, self.normaliser, rows, rng, augment, share)
            arrays = (np.asarray(self.features[small.frames]), small.proprio, small.actions)
            frames, proprio, actions = (torch.from_numpy(x).to(self.device) for x in arrays)
            return TeacherBatch(None, frames, proprio, actions, share)
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
