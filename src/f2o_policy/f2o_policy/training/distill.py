"""``f2o distill``: a one-step student from teacher sets; the encoder is the teacher's, frozen. A flat script.

The embedding of an observation does not change while the encoder is frozen, so it is read from the sets and images
are not needed here at all.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from f2o_policy.checkpoint import FILE_NAME, Checkpoint, checkpoint_file, file_sha256, load_checkpoint, save_checkpoint
from f2o_policy.data.augment import AugmentConfig, disturb_proprio
from f2o_policy.data.normalise import MinMax
from f2o_policy.data.sets import SetStore
from f2o_policy.errors import CheckpointError, SetsError
from f2o_policy.methods import create, method_class
from f2o_policy.methods.base import Batch
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.config import Config
from f2o_policy.training.optimise import Optimiser, Precision
from f2o_policy.training.runs import RunFolder, StopSignal
from f2o_policy.training.train import summary, versions


def distill(
    teacher: str | Path, sets: str | Path, out: str | Path, config: Config, progress: bool = True
) -> bool:
    """Train the student of ``config.student``; True when finished, False when stopped by Ctrl-C (resumable).

    Raises:
        CheckpointError, SetsError, RunError: the teacher, its sets or the run folder cannot be used.
    """
    checkpoint, store, stage = load_checkpoint(teacher), SetStore.open(sets), config.student
    if method_class(stage.method).kind != "student":
        raise CheckpointError(teacher, f"student.method: expected a student's method, got {stage.method}")
    if store.manifest["teacher_sha256"] != file_sha256(checkpoint_file(teacher)):
        raise SetsError(sets, f"were sampled from another teacher than {teacher}; run f2o sample again")
    precision = Precision(config)
    run = RunFolder(out, {
        "config": dataclasses.asdict(config), "data_sha256": checkpoint.data_sha256, "stage": "student",
        "teacher_sha256": store.manifest["teacher_sha256"],
    })

    options = dataclasses.asdict(getattr(config, stage.method))
    method = create(stage.method, options)
    network = student_from(checkpoint).to(precision.device)
    network.visual.requires_grad_(False)
    network.point.requires_grad_(False)
    optimiser = Optimiser(network, stage, config.seed)
    if (run.path / "state.pt").exists():
        optimiser.load(run.path / "state.pt")
    run.drop_metrics_after(optimiser.step)
    seconds = run.metrics()[-1]["seconds"] if run.metrics() else 0.0

    def save(metrics: dict[str, float]) -> None:
        optimiser.save(run.path / "state.pt")
        save_checkpoint(run.path / FILE_NAME, dataclasses.replace(
            checkpoint, kind="student", method=method.name, method_options=options, state=optimiser.averaged,
            seed=config.seed, metrics=metrics, versions=versions(),
        ))

    usable = store["usable"][:]
    rows, held = np.flatnonzero(usable & store["training"]), np.flatnonzero(usable & ~store["training"])
    if not len(rows):
        raise SetsError(sets, "no training observation has a usable trajectory: the teacher is not trained enough")
    held = held[:: max(1, len(held) // stage.validation_observations)][: stage.validation_observations]
    scaling = checkpoint.normaliser.proprio
    resumed, first, metrics = time.perf_counter(), optimiser.step, {}
    began = resumed - seconds
    with StopSignal() as stop, tqdm(total=stage.steps, initial=first, disable=not progress, unit="step") as bar:
        while optimiser.step < stage.steps and not stop.requested:
            optimiser.seed_step()
            rng = np.random.default_rng([config.seed, optimiser.step])
            batch = load_sets(store, rng.choice(rows, stage.batch), precision, scaling, config.augment, rng)
            with precision.autocast():
                loss = method.loss(network.train().head, batch)
            optimiser.update(loss.total)
            bar.update()
            step = optimiser.step
            if step % stage.log_every == 0 or step == stage.steps:
                metrics = {"loss": float(loss.total.detach()), **loss.terms, "learning_rate": optimiser.learning_rate(),
                           "seconds": time.perf_counter() - began}
                if len(held) and (step % stage.save_every == 0 or step == stage.steps):
                    torch.manual_seed(config.seed)
                    with torch.no_grad(), precision.autocast():
                        value = method.loss(network.eval().head, load_sets(store, held, precision))
                    metrics |= {"validation_loss": float(value.total)}
                    metrics |= {f"validation_{k}": v for k, v in value.terms.items()}
                run.log(step, metrics)
                rate = stage.batch * (step - first) / (time.perf_counter() - resumed)
                bar.set_postfix(loss=f"{metrics['loss']:.4f}", obs_per_s=f"{rate:.0f}")
            if step % stage.save_every == 0:
                save(metrics)
    save(metrics)
    seconds = time.perf_counter() - began
    run.finish(summary(config, checkpoint.data_sha256, optimiser.step, seconds, metrics, precision))
    return optimiser.step >= stage.steps


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
    """Conditions and sets of ``rows``; the joint state is disturbed as in the teacher's training if ``rng`` is given."""
    proprio = store["proprio"][rows]
    if rng is not None and scaling is not None and augment is not None:
        proprio = disturb_proprio(proprio, scaling.half, scaling.centre, augment, rng)
    targets = store["trajectories"][rows].astype(np.float32)
    parts = (store["embedding"][rows], proprio, targets)
    return Batch(*(torch.from_numpy(np.asarray(x)).to(precision.device) for x in parts))
