"""``f2o distill``: a one-step student from teacher sets; the encoder is the teacher's, frozen.

The embedding of an observation does not change while the encoder is frozen, so it is read from the sets, and images
are not needed.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import torch

from f2o_policy.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from f2o_policy.data.augment import AugmentConfig, Draws, disturb_proprio
from f2o_policy.data.normalise import MinMax
from f2o_policy.data.sets import SetStore
from f2o_policy.data.shard import WHOLE, Shard
from f2o_policy.data.windows import TRANSITION, spaced
from f2o_policy.errors import SetsError
from f2o_policy.methods import create
from f2o_policy.methods.base import Batch, Loss, Method
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.plain_values import FILE_NAME
from f2o_policy.training.checks import stage_options
from f2o_policy.training.config import Config
from f2o_policy.training.encoders import FROZEN_PARTS, copy_weights, freeze
from f2o_policy.training.loop import Objective, Work, run_loop
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.process_group import ProcessGroup
from f2o_policy.training.records import summary, versions
from f2o_policy.training.runs import RunFolder


def distill(
    teacher: str | Path,
    sets: str | Path,
    out: str | Path,
    config: Config,
    progress: bool = True,
    init: str | Path | None = None,
) -> bool:
    """Train the student of ``config.student``; True when finished, False when stopped by Ctrl-C (resumable).

    It starts from the teacher's weights, or from those of ``init``, a student of the same teacher.

    Raises:
        CheckpointError, SetsError, RunError, UnknownNameError: an input cannot be used.
    """
    stage = config.student
    method = create(stage.method, dataclasses.asdict(stage_options(config, stage.method, "student")))
    checkpoint, store = load_checkpoint(teacher), SetStore.open(sets)
    if store.manifest["teacher_sha256"] != checkpoint.source_sha256:
        raise SetsError(sets, f"were sampled from another teacher than {teacher}; run f2o sample again")
    usable, training = store["usable"][:], store["training"][:]
    rows = np.flatnonzero(usable & training)
    held = spaced(np.flatnonzero(usable & ~training), stage.validation_observations)
    if not len(rows):
        raise SetsError(sets, "no training observation has a usable trajectory: train the teacher for longer")
    used = config.sets.used or None
    scaling, chance = checkpoint.normaliser.proprio, transition_chances(store, rows, config)
    with ProcessGroup() as group:
        group.check_divides("student.batch", stage.batch)
        precision = Precision(config, group.device)
        settings = {
            "config": dataclasses.asdict(config),
            "data_sha256": checkpoint.data_sha256,
            "stage": "student",
            "teacher_sha256": store.manifest["teacher_sha256"],
            "sets": {k: store.manifest[k] for k in ("shape", "seed", "data_sha256")},
        }
        network = student_from(checkpoint)
        if init is not None:
            start = load_checkpoint(init)
            copy_weights(network, start, Path(init), ("",))
            settings |= {"init": start.source_sha256}
        run = RunFolder(out, settings, group.is_rank0)
        network = network.to(precision.device)
        freeze(network, FROZEN_PARTS["encoder"])
        optimiser = Optimiser(network, stage, config.seed)
        objective = group.wrap(Objective(network, partial(student_loss, method)))

        def loss(rng: np.random.Generator) -> Loss:
            network.train()
            drawn = rng.choice(rows, stage.batch, p=chance)
            batch = load_sets(store, drawn, precision, rng, scaling, config.augment, group.shard, used)
            with precision.autocast():
                return Loss(*objective(batch))

        def validate() -> dict[str, float]:
            if not len(held) or not group.is_rank0:
                return {}
            network.eval()
            torch.manual_seed(config.seed)
            with torch.no_grad(), precision.autocast():
                value = student_loss(method, network, load_sets(store, held, precision, used=used))
            terms = {f"validation_{k}": v for k, v in value.terms.items()}
            return {"validation_loss": float(value.total)} | terms

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

        done = run_loop(run, optimiser, stage, Work(loss, validate, save), group, progress)
        run.finish(summary(config, checkpoint.data_sha256, optimiser.step, done, precision, group))
    return done.finished


def student_loss(method: Method, network: PolicyNetwork, batch: Batch) -> Loss:
    """The method's loss of a batch of sets."""
    return method.loss(network.head, batch)


def transition_chances(store: SetStore, rows: np.ndarray, config: Config) -> np.ndarray | None:
    """Probability of drawing each row: sets in which the gripper moves more often, as in the teacher's training."""
    weight = config.window.transition_weight
    if weight == 1.0:
        return None
    moves = np.ptp(store["trajectories"][rows][..., -1].astype(np.float32), axis=2).max(1) > 2 * TRANSITION
    weights = np.where(moves, weight, 1.0)
    return weights / weights.sum()


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
    rng: np.random.Generator | None = None,
    scaling: MinMax | None = None,
    augment: AugmentConfig | None = None,
    shard: Shard = WHOLE,
    used: int | None = None,
) -> Batch:
    """Conditions and sets of ``rows``, of each set the first ``used`` trajectories or all.

    With ``rng`` the joint state is augmented as in the teacher's training.
    """
    part = shard.rows(len(rows))
    proprio = store["proprio"][rows[part]]
    if rng is not None and scaling is not None and augment is not None:
        draws = Draws.of(augment, len(rows), 0, proprio.shape[1], rng).rows(part)
        proprio = disturb_proprio(proprio, scaling, draws.noise, draws.hidden)
    sets = (store[name][rows[part], :used].astype(np.float32) for name in ("trajectories", "noise"))
    arrays = (store["embedding"][rows[part]], proprio, *sets)
    embedding, proprio, trajectories, noise = (
        torch.from_numpy(np.asarray(x)).to(precision.device) for x in arrays
    )
    return Batch(embedding, proprio, trajectories, noise, shard)
