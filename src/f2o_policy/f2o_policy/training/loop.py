"""The loop that teacher and student share: steps, log, validation, saving, resuming, Ctrl-C."""

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
from f2o_policy.training.runs import RunFolder, StopSignal
from f2o_policy.training.team import Team


@dataclass(frozen=True)
class Work:
    """What differs between the stages.

    loss: of this process' part of a fresh batch, drawn with the generator; validate: numbers for the log;
    save: writes the checkpoint with the last logged numbers.
    """

    loss: Callable[[np.random.Generator], Loss]
    validate: Callable[[], dict[str, float]]
    save: Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Progress:
    """How far a loop came: the last logged numbers and the wall time of all its sittings [s]."""

    metrics: dict[str, float]
    seconds: float
    finished: bool


class Objective(nn.Module):
    """A loss as a module: several processes average the gradients of what runs inside one ``forward``."""

    def __init__(self, network: PolicyNetwork, compute: Callable[..., Loss]) -> None:
        super().__init__()
        self.network, self._compute = network, compute

    def forward(self, *batch: object) -> tuple[Tensor, dict[str, float]]:
        """Total and terms of ``compute(network, *batch)``."""
        loss = self._compute(self.network, *batch)
        return loss.total, loss.terms


def run_loop(
    run: RunFolder, optimiser: Optimiser, stage: StageConfig, work: Work, team: Team, progress: bool = True
) -> Progress:
    """Step from where the run folder stands to ``stage.steps``, or to Ctrl-C; both leave a saved state."""
    state = run.path / "state.pt"
    if state.exists():
        optimiser.load(state)
    team.wait()  # all have read before the leader writes
    run.drop_metrics_after(optimiser.step)
    metrics = run.last()
    began, first = time.perf_counter() - metrics.get("seconds", 0.0), optimiser.step
    resumed = time.perf_counter()

    def save() -> None:
        if team.leader:
            optimiser.save(state)
            work.save(metrics)

    hidden = not (progress and team.leader)
    with (
        StopSignal() as stop,
        tqdm(total=stage.steps, initial=first, disable=hidden, unit="step", mininterval=1.0) as bar,
    ):
        while optimiser.step < stage.steps and not team.any(stop.requested):
            optimiser.seed_step()
            loss = work.loss(np.random.default_rng([optimiser.seed, optimiser.step]))
            optimiser.update(loss.total)
            bar.update()
            step = optimiser.step
            milestone = step % stage.save_every == 0 or step == stage.steps
            if milestone or step % stage.log_every == 0:
                metrics = {"loss": team.mean(float(loss.total.detach())), **loss.terms}
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
    team.wait()  # what was saved is there for all
    return Progress(metrics, time.perf_counter() - began, optimiser.step >= stage.steps)
