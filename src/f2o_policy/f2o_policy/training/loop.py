"""The training loop of teacher and student: steps, logging, validation, saving, resuming, Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from tqdm import tqdm

from f2o_policy.methods.base import Loss
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.training.config import StageConfig
from f2o_policy.training.optimise import Optimiser
from f2o_policy.training.process_group import ProcessGroup
from f2o_policy.training.runs import RunFolder, StopSignal


@dataclass(frozen=True)
class Work:
    """The functions in which the stages differ.

    Attributes:
        loss: of this rank's shard of a new batch, drawn with the generator.
        validate: metrics for the log.
        save: writes the checkpoint with the last logged metrics.
    """

    loss: Callable[[np.random.Generator], Loss]
    validate: Callable[[], dict[str, float]]
    save: Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Progress:
    """Progress of a loop: the last logged metrics, and the wall time including earlier runs [s]."""

    metrics: dict[str, float]
    seconds: float
    finished: bool


class Objective(nn.Module):
    """A loss as a module: DistributedDataParallel averages the gradients of one ``forward``."""

    def __init__(self, network: PolicyNetwork, compute: Callable[..., Loss]) -> None:
        super().__init__()
        self.network, self._compute = network, compute

    def forward(self, *batch: object) -> tuple[Tensor, dict[str, float]]:
        """Total and terms of ``compute(network, *batch)``."""
        loss = self._compute(self.network, *batch)
        return loss.total, loss.terms


def run_loop(
    run: RunFolder,
    optimiser: Optimiser,
    stage: StageConfig,
    work: Work,
    group: ProcessGroup,
    progress: bool = True,
) -> Progress:
    """Train from the saved state to ``stage.steps`` or until Ctrl-C, and save the state."""
    state = run.path / "state.pt"
    if state.exists():
        optimiser.load(state)
    group.barrier()  # all have read before rank 0 writes
    run.drop_metrics_after(optimiser.step)
    metrics = run.last()
    began, first = time.perf_counter() - metrics.get("seconds", 0.0), optimiser.step
    resumed = time.perf_counter()

    def save() -> None:
        if group.is_rank0:
            optimiser.save(state)
            work.save(metrics)

    hidden = not (progress and group.is_rank0)
    with (
        StopSignal() as stop,
        tqdm(total=stage.steps, initial=first, disable=hidden, unit="step", mininterval=1.0) as bar,
    ):
        while optimiser.step < stage.steps and not group.any(stop.requested):
            optimiser.seed_step()
            loss = work.loss(np.random.default_rng([optimiser.seed, optimiser.step]))
            optimiser.update(loss.total)
            bar.update()
            step = optimiser.step
            milestone = step % stage.save_every == 0 or step == stage.steps
            if milestone or step % stage.log_every == 0:
                metrics = {"loss": group.mean(float(loss.total.detach())), **loss.terms}
                metrics |= work.validate() if milestone else {}
                metrics |= {
                    "learning_rate": optimiser.learning_rate(),
                    "seconds": time.perf_counter() - began,
                }
                metrics = run.log(step, metrics)
                rate = stage.batch * (step - first) / (time.perf_counter() - resumed)
                bar.set_postfix(loss=f"{metrics['loss']:.4f}", samples_per_s=f"{rate:.0f}")
            if step % stage.save_every == 0:
                save()
    save()
    group.barrier()  # every rank finds the saved files
    return Progress(metrics, time.perf_counter() - began, optimiser.step >= stage.steps)
