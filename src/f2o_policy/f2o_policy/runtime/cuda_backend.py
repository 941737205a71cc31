"""CUDA graphs in half precision: one launch per tick, and weights of two bytes each.

A batch-1 network on a GPU is bound by kernel launches and by reading its weights; the graph removes the launches, half
precision halves the reads.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from f2o_policy.checkpoint import Checkpoint
from f2o_policy.errors import EngineError
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.runtime.engine import Call
from f2o_policy.runtime.parts import EmbedPart, HeadPart, example_inputs

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
WARM_UPS = 3  # before a capture, because libraries choose kernels and allocate in the first calls


def cuda_callables(checkpoint: Checkpoint, hypotheses: int, precision: str) -> tuple[Call, Call]:
    """``embed`` and ``head`` as captured graphs, each on a stream of its own.

    Raises:
        EngineError: there is no usable GPU.
    """
    if not torch.cuda.is_available():
        raise EngineError("backend 'cuda': torch sees no GPU here; use 'auto', 'openvino' or 'torch'")
    dtype = DTYPES[precision]
    network = cast_weights(checkpoint.build_network(), dtype).cuda()
    parts = zip((EmbedPart(network), HeadPart(network)), example_inputs(checkpoint, hypotheses), strict=True)
    embed, head = (CudaGraph(Autocast(part, "cuda", dtype), inputs) for part, inputs in parts)
    return embed, head


def cast_weights(network: PolicyNetwork, dtype: torch.dtype) -> PolicyNetwork:
    """Cast the weights of convolutions and linear layers to ``dtype``, so that autocast casts nothing at run time.

    Norms stay in float32, as under autocast, and so do the joints' MLP and the last layer, which the network excludes
    from autocast.
    """
    precise = {*network.proprio.modules(), network.unet.out}
    for module in network.modules():
        if (
            isinstance(module, nn.Conv1d | nn.ConvTranspose1d | nn.Conv2d | nn.Linear)
            and module not in precise
        ):
            module.to(dtype)
    return network


class Autocast(nn.Module):
    """``part`` under autocast to ``dtype``, with a float32 output."""

    def __init__(self, part: nn.Module, device: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.part, self._device, self._dtype = part, device, dtype

    def forward(self, *inputs: Tensor) -> Tensor:
        """The part's output."""
        half = self._dtype != torch.float32
        with torch.autocast(self._device, self._dtype, enabled=half, cache_enabled=False):
            return self.part(*inputs).float()


class CudaGraph:
    """A module captured at fixed shapes: arrays in, array out; returns once the result is in host memory.

    Inputs go through pinned buffers, without which a copy to the GPU waits for a staging copy. For one thread.
    """

    @torch.inference_mode()
    def __init__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._stream = torch.cuda.Stream()
        self._host = [x.pin_memory() for x in inputs]
        self._device = [x.cuda() for x in inputs]
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                module(*self._device)
        self._stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=self._stream):
            self._output = module(*self._device)
        self._result = torch.empty(self._output.shape, dtype=self._output.dtype, pin_memory=True)

    @torch.inference_mode()
    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        """Run once; the array returned is the caller's.

        Raises:
            EngineError: an input has another shape than the captured one.
        """
        with torch.cuda.stream(self._stream):
            for host, device, array in zip(self._host, self._device, arrays, strict=True):
                if host.shape != array.shape:  # the assignment would broadcast
                    raise EngineError(f"captured for shape {tuple(host.shape)}, got {array.shape}")
                host.numpy()[...] = array
                device.copy_(host, non_blocking=True)
            self._graph.replay()
            self._result.copy_(self._output, non_blocking=True)
        self._stream.synchronize()
        return self._result.numpy().copy()
