"""Eager float32 torch on the CPU: the reference for every other backend."""

from __future__ import annotations

import numpy as np
import torch

from f2o_policy.checkpoint import Checkpoint
from f2o_policy.runtime.engine import Call
from f2o_policy.runtime.parts import EmbedPart, HeadPart


def torch_callables(checkpoint: Checkpoint) -> tuple[Call, Call]:
    """``embed`` and ``head``, for any number of hypotheses."""
    network = checkpoint.build_network()
    return _call(EmbedPart(network)), _call(HeadPart(network))


def _call(module: torch.nn.Module) -> Call:
    @torch.inference_mode()
    def call(*arrays: np.ndarray) -> np.ndarray:
        return module(*(torch.from_numpy(array) for array in arrays)).numpy()

    return call
