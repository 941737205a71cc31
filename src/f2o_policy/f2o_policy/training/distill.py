"""``f2o distill``: a one-step student from teacher sets; the encoder is the teacher's, frozen. A flat script.

The embedding of an observation does not change while the encoder is frozen, so it is read from the sets and images
are not needed here at all.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from f2o_policy.checkpoint import (
    FILE_NAME,
    Checkpoint,
    checkpoint_file,
    file_sha256,
    load_checkpoint,
    save_checkpoint,
)
from f2o_policy.data.augment import AugmentConfig, disturb_proprio
from f2o_policy.data.normalise import MinMax
from f2o_policy.data.sets import SetStore
from f2o_policy.errors import SetsError
from f2o_policy.methods import create
from f2o_policy.methods.base import Batch, Loss
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.config import Config
from f2o_policy.training.loop import Work, run_loop
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.runs import RunFolder
from f2o_policy.training.train import spaced, stage_options, summary, versions


def distill(
    teacher: str | Path, sets: str | Path, out: str | Path, config: Config, progress: bool = True
) -> bool:
    """Train the student of ``config.student``; True when finished, False when stopped by Ctrl-C (resumable).

    Raises:
        CheckpointError, SetsError, RunError, UnknownNameError: what was given cannot be used.
    """
    stage = config.student
    method = create(stage.method, dataclasses.asdict(stage_options(config, stage.method, "student")))
    checkpoint, store = load_checkpoint(teacher), SetStore.open(sets)
    if store.manifest["teacher_sha256"] != file_sha256(checkpoint_file(teacher)):
        raise SetsError(sets, f"were sampled from another teacher than {teacher}; run f2o sample again")
    usable, training = store["usable"][:], store["training"][:]
    rows = np.flatnonzero(usable & training)
    held = spaced(np.flatnonzero(usable & ~training), stage.validation_observations)
    if not len(rows):
        raise SetsError(
            sets, "no training observation has a usable trajectory: the teacher is not trained enough"
        )
    scaling = checkpoint.normaliser.proprio
    precision = Precision(config)
    settings = {
        "config": dataclasses.asdict(config),
        "data_sha256": checkpoint.data_sha256,
        "stage": "student",
        "teacher_sha256": store.manifest["teacher_sha256"],
    }
    run = RunFolder(out, settings)

    network = student_from(checkpoint).to(precision.device)
    network.visual.requires_grad_(False)
    network.point.requires_grad_(False)
    optimiser = Optimiser(network, stage, config.seed)

    def loss(rng: np.random.Generator) -> Loss:
        batch = load_sets(store, rng.choice(rows, stage.batch), precision, scaling, config.augment, rng)
        with precision.autocast():
            return method.loss(network.train().head, batch)

    def validate() -> dict[str, float]:
        if not len(held):
            return {}
        torch.manual_seed(config.seed)
        with torch.no_grad(), precision.autocast():
            value = method.loss(network.eval().head, load_sets(store, held, precision))
        return {"validation_loss": float(value.total)} | {
            f"validation_{k}": v for k, v in value.terms.items()
        }

    def save(metrics: dict[str, float]) -> None:
        student = dataclasses.replace(
            checkpoint,
            kind="student",
            method=method.name,
            method_options=dataclasses.asdict(method.options),
            state=optimiser.averaged,
            seed=config.seed,
            metrics=metrics,
            versions=versions(),
        )
        save_checkpoint(run.path / FILE_NAME, student)

    done = run_loop(run, optimiser, stage, Work(loss, validate, save), progress)
    run.finish(summary(config, checkpoint.data_sha256, optimiser.step, done, precision))
    return done.finished


def student_from(teacher: Checkpoint) -> PolicyNetwork:
    """The teacher's network without its time modules, every other weight copied."""
    network = PolicyNetwork(teacher.model_config, teacher.normaliser, timed=False)
    names = network.state_dict().keys()
    network.load_state_dict({name: teacher.state[name].float() for name in names})
    return network


def load_sets(
    store: SetStore,
    rows: np.ndarray,
    precision: Precision,
    scaling: MinMax | None = None,
    augment: AugmentConfig | None = None,
    rng: np.random.Generator | None = None,
) -> Batch:
    """Conditions and sets of ``rows``; with ``rng`` the joint state is disturbed as in the teacher's training."""
    proprio = store["proprio"][rows]
    if rng is not None and scaling is not None and augment is not None:
        proprio = disturb_proprio(proprio, scaling.half, scaling.centre, augment, rng)
    targets = store["trajectories"][rows].astype(np.float32)
    parts = (store["embedding"][rows], proprio, targets, store["noise"][rows].astype(np.float32))
    return Batch(*(torch.from_numpy(np.asarray(x)).to(precision.device) for x in parts))
