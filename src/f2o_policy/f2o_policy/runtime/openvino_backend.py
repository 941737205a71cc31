"""OpenVINO on a CPU: the fastest one-thread path measured for these networks (reference/perf.md b)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openvino as ov
import torch
from f2o_policy.checkpoint import Checkpoint
from f2o_policy.runtime.parts import EmbedPart, HeadPart, build_network


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
    head_inputs = [chunk, torch.zeros(1, network.embedding_size), torch.zeros(1, checkpoint.action_size)]
    if timed:
        head_inputs.append(torch.zeros(1))
    embed = _compile(EmbedPart(network), embed_inputs, precision)
    return embed, _compile(HeadPart(network), tuple(head_inputs), precision)


def _compile(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], precision: str
) -> Callable[..., np.ndarray]:
    with torch.inference_mode():
        model = ov.convert_model(module, example_input=inputs, input=[tuple(x.shape) for x in inputs])
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
    }
    request = ov.Core().compile_model(model, "CPU", options).create_infer_request()

    def call(*arrays: np.ndarray) -> np.ndarray:
        # share_inputs avoids a copy; the output is copied because the request owns and reuses its buffer
        request.infer(list(arrays), share_inputs=True)
        return request.get_output_tensor().data.copy()

    return call
