"""The loop that teacher and student share: steps, log, validation, saving, resuming, Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from f2o_policy.methods.base import Loss
from f2o_policy.training.config import StageConfig
from f2o_policy.training.optimise import Optimiser
from f2o_policy.training.runs import RunFolder, StopSignal


@dataclass(frozen=True)
class Work:
    """What differs between the stages.

    loss: of a fresh batch drawn with the generator; validate: numbers for the log; save: writes the
    checkpoint with the last logged numbers.
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


def run_loop(
    run: RunFolder, optimiser: Optimiser, stage: StageConfig, work: Work, progress: bool = True
) -> Progress:
    """Step from where the run folder stands to ``stage.steps``, or to Ctrl-C; both leave a saved state."""
    state = run.path / "state.pt"
    if state.exists():
        optimiser.load(state)
    run.drop_metrics_after(optimiser.step)
    metrics = run.metrics()[-1] if run.metrics() else {}
    began, first = time.perf_counter() - metrics.get("seconds", 0.0), optimiser.step
    resumed = time.perf_counter()

    def save() -> None:
        optimiser.save(state)
        work.save(metrics)

    with (
        StopSignal() as stop,
        tqdm(total=stage.steps, initial=first, disable=not progress, unit="step", mininterval=1.0) as bar,
    ):
        while optimiser.step < stage.steps and not stop.requested:
            optimiser.seed_step()
            loss = work.loss(np.random.default_rng([optimiser.seed, optimiser.step]))
            optimiser.update(loss.total)
            bar.update()
            step = optimiser.step
            milestone = step % stage.save_every == 0 or step == stage.steps
            if milestone or step % stage.log_every == 0:
                metrics = {"loss": float(loss.total.detach()), **loss.terms}
                metrics |= work.validate() if milestone else {}
                metrics |= {
                    "learning_rate": optimiser.learning_rate(),
                    "seconds": time.perf_counter() - began,
                }
                run.log(step, metrics)
                rate = stage.batch * (step - first) / (time.perf_counter() - resumed)
                bar.set_postfix(loss=f"{metrics['loss']:.4f}", samples_per_s=f"{rate:.0f}")
            if step % stage.save_every == 0:
                save()
    save()
    return Progress(metrics, time.perf_counter() - began, optimiser.step >= stage.steps)
