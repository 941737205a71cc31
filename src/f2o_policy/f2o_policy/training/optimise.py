"""AdamW with warm-up and cosine decay, gradient clipping, averaged weights, and resuming."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from f2o_policy.data.files import write_file
from f2o_policy.errors import RunError
from f2o_policy.training.config import Config, StageConfig


class Optimiser:
    """Steps the parameters of ``network`` that require a gradient; ``averaged`` holds their moving average.

    Every random number of step n comes from a generator seeded with (seed, n): a resumed run repeats an
    uninterrupted one.
    """

    def __init__(self, network: nn.Module, stage: StageConfig, seed: int) -> None:
        self.network, self.stage, self.seed, self.step = network, stage, seed, 0
        self._trained = [p for p in network.parameters() if p.requires_grad]
        self._adam = torch.optim.AdamW(
            self._trained, lr=stage.learning_rate, weight_decay=stage.weight_decay, betas=(0.9, 0.99)
        )
        self.averaged = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine down to one percent."""
        stage = self.stage
        if self.step < stage.warmup_steps:
            return stage.learning_rate * (self.step + 1) / stage.warmup_steps
        progress = (self.step - stage.warmup_steps) / max(1, stage.steps - stage.warmup_steps)
        return stage.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))

    def seed_step(self) -> None:
        """Seed torch for this step; call before anything random in it."""
        torch.manual_seed(self.seed * 1_000_003 + self.step)

    def update(self, loss: Tensor) -> None:
        """One step down the gradient of ``loss``."""
        for group in self._adam.param_groups:
            group["lr"] = self.learning_rate()
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained, self.stage.clip_norm)
        self._adam.step()
        self.step += 1
        decay = min(self.stage.ema_limit, 1.0 - (1.0 + self.step) ** -0.75)
        state = self.network.state_dict()
        torch._foreach_lerp_(list(self.averaged.values()), [state[k] for k in self.averaged], 1.0 - decay)

    def save(self, path: Path) -> None:
        """Everything ``load`` needs, atomically."""
        tree = {
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.averaged,
            "adam": self._adam.state_dict(),
        }
        write_file(path, lambda part: torch.save(tree, part))

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote.

        Raises:
            RunError: the file is damaged or of another network.
        """
        try:
            tree = torch.load(path, weights_only=True, map_location="cpu")
            self.network.load_state_dict(tree["network"])
            self._adam.load_state_dict(tree["adam"])
        except (RuntimeError, KeyError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise RunError(
                path, "is damaged or of another network; delete the folder and train again"
            ) from error
        for name, tensor in tree["averaged"].items():
            self.averaged[name].copy_(tensor)
        self.step = tree["step"]


class Precision:
    """``with precision.autocast(): ...``; bfloat16 where the processor supports it, else float32."""

    def __init__(self, config: Config, device: torch.device | None = None) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        auto = config.precision == "auto" and _supports_bfloat16(self.device)
        half = auto or config.precision == "bfloat16"
        self.dtype = torch.bfloat16 if half else torch.float32

    def autocast(self) -> torch.autocast:
        """The context for forward passes."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16)


def _supports_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return any("avx512_bf16" in line for line in _cpu_flags())


def _cpu_flags() -> Iterator[str]:
    file = Path("/proc/cpuinfo")
    if file.exists():
        yield from (line for line in file.read_text().splitlines() if line.startswith("flags"))
