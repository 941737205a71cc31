"""Everything ``f2o train``, ``sample`` and ``distill`` can be told; the defaults are ``config/policy_small.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass

from f2o_policy.data.augment import AugmentConfig
from f2o_policy.data.windows import WindowConfig
from f2o_policy.methods import METHODS
from f2o_policy.model.config import ModelConfig


@dataclass(frozen=True)
class StageConfig:
    """One optimisation: its method, length, batch and learning rate."""

    method: str
    steps: int
    batch: int  # observations a step
    learning_rate: float = 6e-4
    weight_decay: float = 1e-4
    warmup_steps: int = 200
    clip_norm: float = 1.0
    ema_limit: float = 0.999
    log_every: int = 20
    save_every: int = 200
    validation_observations: int = 128

    def check(self) -> list[str]:
        """Messages of wrong values."""
        positive = ("steps", "batch", "learning_rate", "clip_norm", "log_every", "save_every")
        return [f"{k}: expected > 0, got {getattr(self, k)}" for k in positive if not getattr(self, k) > 0]


@dataclass(frozen=True)
class SetsConfig:
    """Teacher sets: K trajectories for each of so many observations, or of all where there are fewer."""

    count: int = 16
    observations: int = 4000
    used: int = 0  # trajectories of each set that distillation looks at, the first so many; 0 = all
    batch: int = 64  # observations sampled together
    range_margin: float = 0.1  # a normalised value further outside [-1,1] marks a bad trajectory

    def check(self) -> list[str]:
        """Messages of wrong values."""
        return [
            f"{k}: expected > 0, got {getattr(self, k)}"
            for k in ("count", "observations", "batch")
            if getattr(self, k) <= 0
        ]


@dataclass(frozen=True)
class Stages:
    """The pipeline without the methods' own options."""

    seed: int = 0
    threads: int = 0  # torch threads; 0 leaves torch's own choice
    precision: str = "auto"  # auto, float32 or bfloat16 (auto: bfloat16 where the processor multiplies it)
    model: ModelConfig = field(default_factory=ModelConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    teacher: StageConfig = field(default_factory=lambda: StageConfig("cfm", 2600, 32))
    sets: SetsConfig = field(default_factory=SetsConfig)
    student: StageConfig = field(default_factory=lambda: StageConfig("imle", 3000, 16))

    def check(self) -> list[str]:
        """Cross-field rules."""
        legal = ("auto", "float32", "bfloat16")
        return [
            *(
                []
                if self.precision in legal
                else [f"precision: expected one of {', '.join(legal)}, got {self.precision}"]
            ),
            *(
                []
                if self.model.horizon == self.window.horizon
                else [
                    f"window.horizon: expected model.horizon = {self.model.horizon}, got {self.window.horizon}"
                ]
            ),
            *(
                []
                if self.model.history == self.window.history
                else [
                    f"window.history: expected model.history = {self.model.history}, got {self.window.history}"
                ]
            ),
        ]


def _sections() -> list[tuple[str, type, object]]:
    """One section a method, with the method's own options: a new method file needs no line here."""
    return [
        (name, method.options_class, field(default_factory=method.options_class))
        for name, method in METHODS.items()
    ]


Config = make_dataclass("Config", _sections(), bases=(Stages,), frozen=True)
Config.__module__, Config.__doc__ = (
    __name__,
    "The whole pipeline: the stages, and a section of options for every method.",
)
