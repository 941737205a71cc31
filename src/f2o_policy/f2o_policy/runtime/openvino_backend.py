"""OpenVINO on a CPU: the fastest one-thread path measured for these networks (reference/perf.md b)."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import openvino as ov
import torch

from f2o_policy.checkpoint import Checkpoint
from f2o_policy.errors import EngineError
from f2o_policy.runtime.parts import EmbedPart, HeadPart, build_network

# OpenVINO's generator of fused element-wise kernels ("snippets") cannot compile these networks on x86 (2025.4.1 and
# 2026.4.1): it has no code for Mish next to another operation, and ends the process on the residual trunks in float32.
SNIPPETS_MODE = "DISABLE"


def openvino_callables(
    checkpoint: Checkpoint, hypotheses: int, precision: str, timed: bool
) -> tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]:
    """``embed`` and ``head`` compiled for one thread each; ``timed`` adds the teacher's time input to the head.

    One intra-op thread, because a second one spins against the other processes of the loop (perf.md b).
    """
    network = build_network(checkpoint)
    views, size = len(checkpoint.views), checkpoint.image_size
    image = torch.zeros(1, views, size, size, 3, dtype=torch.uint8)
    embed_inputs = (image, torch.zeros(1, views, size, size), torch.zeros(1, checkpoint.points, 3))
    chunk = torch.zeros(hypotheses, checkpoint.horizon, checkpoint.action_size)
    head_inputs = [
        chunk,
        torch.zeros(1, checkpoint.model_config.embedding_dim),
        torch.zeros(1, checkpoint.history * checkpoint.action_size),
    ]
    if timed:
        head_inputs.append(torch.zeros(1))
    embed = _compile(EmbedPart(network), embed_inputs, precision)
    return embed, _compile(HeadPart(network), tuple(head_inputs), precision)


def _compile(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], precision: str
) -> Callable[..., np.ndarray]:
    """``module`` with the shapes of ``inputs`` as a function of arrays."""
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
        "SNIPPETS_MODE": SNIPPETS_MODE,
    }
    compiled = ov.Core().compile_model(_convert(module, inputs), "CPU", options)
    computes = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if computes != precision:  # OpenVINO takes another one without a word where the processor lacks it
        raise EngineError(f"precision {precision!r}: this processor computes in {computes!r}; ask for that")
    request = compiled.create_infer_request()

    def call(*arrays: np.ndarray) -> np.ndarray:
        # share_inputs avoids a copy; the output is copied because the request owns and reuses its buffer
        request.infer(list(arrays), share_inputs=True)
        return request.get_output_tensor().data.copy()

    return call


def _convert(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> ov.Model:
    """``module`` traced at the shapes of ``inputs``."""
    with torch.inference_mode(), warnings.catch_warnings():
        # OpenVINO traces with TorchScript, which says that it is old; branches on shapes are meant (network.py)
        warnings.filterwarnings("ignore", r"`torch\.jit\.trace", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        return ov.convert_model(module, example_input=inputs, input=[tuple(x.shape) for x in inputs])
