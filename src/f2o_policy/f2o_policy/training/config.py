"""The configuration of ``f2o train``, ``sample`` and ``distill``; the defaults are ``config/policy_small.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Any, Literal

from f2o_nodekit.config import STRICT, rules
from f2o_nodekit.fields import Count, NotNegative, Positive, Probability, Seed
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_policy.action_space import TCP_SIZE
from f2o_policy.data.augment import AugmentConfig
from f2o_policy.data.windows import WindowConfig
from f2o_policy.methods import METHODS
from f2o_policy.model.config import ModelConfig

CountOrNone = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=STRICT)
class StageConfig:
    """One optimisation: its method, length, batch and learning rate."""

    method: str
    steps: Count
    batch: Count  # observations per step
    learning_rate: Positive = 6e-4
    weight_decay: NotNegative = 1e-4
    warmup_steps: CountOrNone = 200
    clip_norm: Positive = 1.0
    ema_limit: Probability = 0.999
    log_every: Count = 20
    save_every: Count = 200
    validation_observations: CountOrNone = 128


@dataclass(frozen=True, config=STRICT)
class SetsConfig:
    """Teacher sets: K trajectories for each of so many observations, or of all where there are fewer."""

    count: Count = 16
    observations: Count = 4000
    used: CountOrNone = 0  # trajectories of each set used in distillation, the first so many; 0 = all
    batch: Count = 64  # observations sampled together
    range_margin: NotNegative = 0.1  # a normalised value further outside [-1,1] marks a bad trajectory


@dataclass(frozen=True, config=STRICT)
class Stages:
    """The stages, without the methods' own options."""

    seed: Seed = 0
    threads: CountOrNone = 0  # torch threads; 0 leaves torch's own choice
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Auto: bfloat16 where the processor supports it."""
    model: ModelConfig = field(default_factory=ModelConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    teacher: StageConfig = field(default_factory=lambda: StageConfig("cfm", 2600, 32))
    sets: SetsConfig = field(default_factory=SetsConfig)
    student: StageConfig = field(default_factory=lambda: StageConfig("imle", 3000, 16))

    @rules
    def _windows_fit_the_model(self) -> Iterator[str]:
        for key in ("horizon", "history"):
            wanted, got = getattr(self.model, key), getattr(self.window, key)
            if wanted != got:
                yield f"window.{key}: expected model.{key} = {wanted}, got {got}"
        space, dims = self.window.action_space, self.model.action_dim
        if (dims == TCP_SIZE) != (space == "tcp"):
            yield f"model.action_dim: expected {TCP_SIZE} with window.action_space tcp, and only there, got {dims}"


def _config_class() -> Any:
    """One section per method, with the method's own options; a new method file needs no change here."""
    options = {name: method.options_class for name, method in METHODS.items()}
    body = {name: field(default_factory=cls) for name, cls in options.items()}
    doc = "The whole pipeline: the stages, and a section of options for every method."
    cls = type(
        "Config", (Stages,), {**body, "__annotations__": options, "__module__": __name__, "__doc__": doc}
    )
    return dataclass(frozen=True, config=STRICT)(cls)


Config = _config_class()
