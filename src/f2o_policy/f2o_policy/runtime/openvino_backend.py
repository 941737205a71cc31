"""OpenVINO on a CPU, without torch: the fastest single-threaded backend measured for these networks."""

from __future__ import annotations

import sys

import numpy as np

from f2o_policy.errors import EngineError
from f2o_policy.runtime.engine import Call

# OpenVINO reports each import and conversion to its makers over the network; where this module is missing, it does not.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino as ov  # noqa: E402

# OpenVINO's generator of fused element-wise kernels ("snippets") cannot compile these networks on x86 (2025.4.1 and
# 2026.4.1): it has no code for Mish next to another operation, and ends the process on the residual trunks in float32.
SNIPPETS_MODE = "DISABLE"


def openvino_callables(
    embed: ov.Model, head: ov.Model, chunks: tuple[int, int, int], precision: str
) -> tuple[Call, Call]:
    """Both halves compiled, the head for noise of the shape ``chunks``, (M,H,D): fixed shapes are faster.

    Raises:
        EngineError: this processor does not compute in ``precision``.
    """
    head.reshape({head.inputs[0]: list(chunks)})
    return compile_call(embed, precision), compile_call(head, precision)


def compile_call(model: ov.Model, precision: str) -> Call:
    """``model`` as a function of arrays.

    One intra-op thread, because a second one would spin against the other processes of the loop.

    Raises:
        EngineError: this processor does not compute in ``precision``.
    """
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
        "SNIPPETS_MODE": SNIPPETS_MODE,
    }
    compiled = ov.Core().compile_model(model, "CPU", options)
    computes = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if computes != precision:  # OpenVINO silently takes another precision where the processor lacks it
        raise EngineError(f"precision {precision!r}: this processor computes in {computes!r}; ask for that")
    request = compiled.create_infer_request()

    def call(*arrays: np.ndarray) -> np.ndarray:
        # share_inputs avoids a copy; the output is copied because the request owns and reuses its buffer
        request.infer(list(arrays), share_inputs=True)
        return request.get_output_tensor().data.copy()

    return call
