"""``f2o export``: a student as a folder that runs without torch.

policy.json     description of the policy (spec.py), versions of the packages
embed.xml/.bin  the camera-rate part for OpenVINO
head.xml/.bin   the control-rate part, for any number of hypotheses
reference.npz   inputs and the plans of eager float32 torch, checked each time the export is opened
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import shutil
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from f2o_policy.data.files import write_file
from f2o_policy.errors import EngineError, ExportError
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.equality import TOLERANCE, Reference, check_equal, record
from f2o_policy.runtime.openvino_backend import openvino_callables, ov
from f2o_policy.spec import read_exported_spec, write_spec

REFERENCE = "reference.npz"


def convert(checkpoint: Any) -> tuple[ov.Model, ov.Model]:
    """Both parts of a checkpoint's network for OpenVINO; the head takes any number of hypotheses."""
    import torch

    from f2o_policy.runtime.parts import EmbedPart, HeadPart, example_inputs

    network = checkpoint.build_network()
    embed, head = example_inputs(checkpoint, hypotheses=2)
    free = [(-1, *head[0].shape[1:]), *(tuple(x.shape) for x in head[1:])]
    with torch.inference_mode(), warnings.catch_warnings():
        # OpenVINO traces with TorchScript, which is deprecated; branches on shapes are intended (network.py)
        warnings.filterwarnings("ignore", r"`torch\.jit\.trace", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        shapes = [tuple(x.shape) for x in embed]
        return (
            ov.convert_model(EmbedPart(network), example_input=embed, input=shapes),
            ov.convert_model(HeadPart(network), example_input=head, input=free),
        )


def write_export(checkpoint: Any, out: Path) -> float:
    """Export a student to the new folder ``out``; returns the largest difference from eager torch [rad].

    Raises:
        EngineError: the checkpoint is a teacher's, ``out`` exists, or OpenVINO disagrees with torch.
    """
    from f2o_policy.runtime.torch_backend import torch_callables

    if checkpoint.kind != "student":
        raise EngineError(f"a checkpoint of kind {checkpoint.kind!r} cannot be exported, expected a student")
    if out.exists():
        raise EngineError(f"{out} exists, expected a new folder")
    part = out.with_name(out.name + ".partial")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, model in zip(("embed", "head"), convert(checkpoint), strict=True):
        ov.save_model(model, part / f"{name}.xml", compress_to_fp16=False)
    reference = record(NetworkEngine(checkpoint.spec, *torch_callables(checkpoint), name="torch-f32"))
    write_file(part / REFERENCE, lambda path: _save_arrays(path, dataclasses.asdict(reference)))
    versions = {name: importlib.metadata.version(name) for name in ("torch", "openvino", "numpy")}
    write_spec(part, checkpoint.spec, versions)
    engine = open_export(part, 1, "f32")
    part.rename(out)
    return engine.difference_rad


def open_export(folder: Path, hypotheses: int, precision: str) -> NetworkEngine:
    """The engine of an export, checked against its reference.

    Raises:
        ExportError: a file is missing or unreadable.
        EngineError: this processor lacks ``precision``, or the results differ.
    """
    spec = read_exported_spec(folder)
    try:
        embed, head = (ov.Core().read_model(folder / f"{name}.xml") for name in ("embed", "head"))
        with np.load(folder / REFERENCE) as arrays:
            reference = Reference(**arrays)
    except (RuntimeError, OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ExportError(f"export {folder}: incomplete or damaged; export again") from error
    calls = openvino_callables(embed, head, (hypotheses, spec.horizon, spec.action_size), precision)
    engine = NetworkEngine(spec, *calls, name=f"openvino-{precision}")
    engine.difference_rad = check_equal(engine, reference, hypotheses, TOLERANCE[precision])
    return engine


def _save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
