"""From a path to an engine: choose the backend of a policy and check it against torch."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from f2o_policy.errors import CheckpointError, EngineError
from f2o_policy.plain_values import checkpoint_file, read_values
from f2o_policy.runtime.config import Backend, PolicyConfig, Precision
from f2o_policy.runtime.engine import Call, NetworkEngine
from f2o_policy.runtime.equality import TOLERANCE, check_equal, record
from f2o_policy.spec import PolicySpec, is_export, read_exported_spec


def open_engine(
    path: Path,
    hypotheses: int,
    backend: str = "auto",
    precision: str = "f32",
    steps: int = 0,
    say: Callable[[str], object] = lambda text: None,
) -> NetworkEngine:
    """The engine of a checkpoint, a run folder, or an export (which needs no torch).

    A student for OpenVINO is exported once and kept (``kept_exports``; ``say`` is told), so that later starts need no
    torch either. Torch, where needed, is set to one thread in this process: a second would spin against the loop's
    other threads.

    Raises:
        CheckpointError, EngineError: it cannot be read, or not run as asked.
    """
    if precision not in get_args(Precision):
        raise EngineError(f"precision {precision!r}: expected one of {', '.join(get_args(Precision))}")
    if is_export(path):
        return _open_export(path, hypotheses, backend, precision, steps)
    if not steps and resolve_backend(backend) == "openvino" and _is_student(path):
        from f2o_policy.runtime.kept_exports import open_kept

        try:
            return open_kept(checkpoint_file(path), hypotheses, precision, say)
        except OSError as error:
            say(f"{path}: converted for OpenVINO at each start, because no export can be kept: {error}")
    import torch

    from f2o_policy.checkpoint import load_checkpoint

    torch.set_num_threads(1)
    return load_engine(load_checkpoint(path), hypotheses, backend, precision, steps)


def _open_export(path: Path, hypotheses: int, backend: str, precision: str, steps: int) -> NetworkEngine:
    if backend not in ("auto", "openvino") or steps:
        raise EngineError(
            f"export {path}: a student for backend openvino, got backend {backend!r}, {steps} steps"
        )
    if not _installed("openvino"):
        raise EngineError(f"export {path}: needs OpenVINO: pip install openvino")
    from f2o_policy.runtime.export import open_export

    return open_export(path, hypotheses, precision)


def _is_student(path: Path) -> bool:
    """Whether ``path`` is a student's checkpoint; what it lacks otherwise is said where it is loaded."""
    try:
        return read_values(checkpoint_file(path)).get("kind") == "student"
    except CheckpointError:
        return False


def engine_of(config: PolicyConfig, say: Callable[[str], object] = lambda text: None) -> NetworkEngine:
    """The engine of a configuration; as ``open_engine``."""
    path = Path(config.checkpoint)
    return open_engine(path, config.hypotheses, config.backend, config.precision, config.steps, say)


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
        if _has_gpu():
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


def _has_gpu() -> bool:
    """Whether torch can use a GPU; torch is asked only where the machine has NVIDIA's driver."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def _installed(name: str) -> bool:
    return find_spec(name) is not None
