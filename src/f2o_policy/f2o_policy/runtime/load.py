"""From a path to an engine: choose the backend of a policy and check it against torch."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, get_args

from f2o_policy.errors import EngineError
from f2o_policy.runtime.config import Backend, PolicyConfig, Precision
from f2o_policy.runtime.engine import Call, NetworkEngine
from f2o_policy.runtime.equality import TOLERANCE, check_equal, record
from f2o_policy.spec import PolicySpec, is_export, read_exported_spec


def open_engine(
    path: Path, hypotheses: int, backend: str = "auto", precision: str = "f32", steps: int = 0
) -> NetworkEngine:
    """The engine of a checkpoint, a run folder, or an export (which needs no torch).

    Torch, where needed, is set to one thread in this process: a second would spin against the loop's other threads.

    Raises:
        CheckpointError, EngineError: it cannot be read, or not run as asked.
    """
    if precision not in get_args(Precision):
        raise EngineError(f"precision {precision!r}: expected one of {', '.join(get_args(Precision))}")
    if not is_export(path):
        import torch

        from f2o_policy.checkpoint import load_checkpoint

        torch.set_num_threads(1)
        return load_engine(load_checkpoint(path), hypotheses, backend, precision, steps)
    if backend not in ("auto", "openvino") or steps:
        raise EngineError(
            f"export {path}: a student for backend openvino, got backend {backend!r}, {steps} steps"
        )
    if not _installed("openvino"):
        raise EngineError(f"export {path}: needs OpenVINO: pip install openvino")
    from f2o_policy.runtime.export import open_export

    return open_export(path, hypotheses, precision)


def engine_of(config: PolicyConfig) -> NetworkEngine:
    """The engine of a configuration; raises as ``open_engine``."""
    path = Path(config.checkpoint)
    return open_engine(path, config.hypotheses, config.backend, config.precision, config.steps)


def read_spec(path: Path) -> PolicySpec:
    """The description of the policy at ``path``: a checkpoint, a run folder or an export.

    Raises:
        CheckpointError, EngineError: it cannot be read.
    """
    if not is_export(path):
        from f2o_policy.checkpoint import load_checkpoint

        return load_checkpoint(path).spec
    return read_exported_spec(path)


def load_engine(
    checkpoint: Any, hypotheses: int, backend: str = "auto", precision: str = "f32", steps: int = 0
) -> NetworkEngine:
    """Make an engine for ``hypotheses`` noises per call and check it against eager float32 torch.

    Args:
        checkpoint: ``Checkpoint``; ``steps`` must be positive for a teacher and 0 for a student.
        hypotheses: M, fixed because compiled backends fix shapes.
        backend: ``torch``, ``openvino``, ``cuda``, or ``auto``: a GPU if there is one, else OpenVINO where installed.
        precision: ``f32``, ``bf16`` (openvino, cuda) or ``f16`` (cuda).
        steps: Euler steps of a teacher.

    Raises:
        EngineError: unknown or missing backend, steps that do not fit, or a backend that disagrees with torch.
    """
    from f2o_policy.runtime.torch_backend import torch_callables

    if (checkpoint.kind == "teacher") != (steps > 0):
        raise EngineError(
            f"checkpoint of kind {checkpoint.kind!r} with {steps} steps: a teacher needs 1 or more, a student 0"
        )
    spec, backend = checkpoint.spec, resolve_backend(backend)
    eager = NetworkEngine(spec, *torch_callables(checkpoint), name="torch-f32", steps=steps)
    if backend == "torch":
        if precision != "f32":
            raise EngineError(f"backend 'torch' computes in f32, got precision {precision!r}")
        return eager
    calls = (_cuda if backend == "cuda" else _openvino)(checkpoint, hypotheses, precision)
    engine = NetworkEngine(spec, *calls, name=f"{backend}-{precision}", steps=steps)
    engine.difference_rad = check_equal(engine, record(eager), hypotheses, TOLERANCE[precision])
    return engine


def resolve_backend(backend: str) -> str:
    """``backend`` itself, or the one that ``auto`` selects on this machine.

    Raises:
        EngineError: it is unknown, or OpenVINO is asked for and not installed.
    """
    if backend not in get_args(Backend):
        raise EngineError(f"backend {backend!r}: expected one of {', '.join(get_args(Backend))}")
    if backend == "auto":
        import torch

        if torch.cuda.is_available():
            return "cuda"
        return "openvino" if _installed("openvino") else "torch"
    if backend == "openvino" and not _installed("openvino"):
        raise EngineError("backend 'openvino' is not installed: pip install openvino, or use 'torch'")
    return backend


def _cuda(checkpoint: Any, hypotheses: int, precision: str) -> tuple[Call, Call]:
    from f2o_policy.runtime.cuda_backend import cuda_callables

    return cuda_callables(checkpoint, hypotheses, precision)


def _openvino(checkpoint: Any, hypotheses: int, precision: str) -> tuple[Call, Call]:
    from f2o_policy.runtime.export import convert
    from f2o_policy.runtime.openvino_backend import openvino_callables

    spec = checkpoint.spec
    return openvino_callables(*convert(checkpoint), (hypotheses, spec.horizon, spec.action_size), precision)


def _installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
