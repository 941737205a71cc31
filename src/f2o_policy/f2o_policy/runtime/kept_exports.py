"""Exports of students, kept from one start to the next in ``$XDG_CACHE_HOME/f2o/exports`` (``~/.cache/f2o/exports``).

To convert a network for OpenVINO takes ten seconds of a processor and all of torch. The first start of a checkpoint
does it in a process of its own, which ends; that one and every later one run the export, without torch.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from f2o_nodekit.errors import F2oError
from f2o_nodekit.provenance import code_sha256

from f2o_policy.errors import EngineError, ExportError
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.export import open_export
from f2o_policy.spec import is_export

KEPT = 8  # exports, some 10 MB each
MADE_BY = ("torch", "openvino", "numpy")


def cache_folder() -> Path:
    """Where exports are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "f2o" / "exports"


def open_kept(
    checkpoint: Path, hypotheses: int, precision: str, say: Callable[[str], object] = lambda text: None
) -> NetworkEngine:
    """The engine of the export of a student's ``checkpoint`` file; ``say`` is told when it has to be made first.

    An export belongs to the bytes of the checkpoint, the code of f2o_policy and the versions of what made it. One that
    is damaged is made anew.

    Raises:
        EngineError: it cannot be made, this processor lacks ``precision``, or the results differ from torch's.
        OSError: nothing can be kept on this machine.
    """
    folder = _folder_of(checkpoint)
    if is_export(folder):
        try:
            os.utime(folder)
            return open_export(folder, hypotheses, precision)
        except ExportError:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"{checkpoint}: converting it for OpenVINO; later starts find it in {folder}")
    _make(checkpoint, folder)
    return open_export(folder, hypotheses, precision)


def _folder_of(checkpoint: Path) -> Path:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in MADE_BY)
    digest = hashlib.sha256(f"{versions}, {code_sha256(['f2o_policy'])}, ".encode())
    digest.update(checkpoint.read_bytes())
    return cache_folder() / digest.hexdigest()[:32]


def _make(checkpoint: Path, folder: Path) -> None:
    """Export to ``folder``; whoever does the same at the same time does no harm."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as part:
        made = Path(part) / "export"
        # Not a child of multiprocessing's: it would run the caller's main module again.
        words = [sys.executable, "-m", __name__, str(checkpoint), str(made)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise EngineError(done.stderr.strip().splitlines()[-1])
        if not is_export(folder):
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    _forget(folder.parent)


def _forget(parent: Path) -> None:
    """Remove all but the exports that were used last."""
    kept = sorted((f for f in parent.iterdir() if is_export(f)), key=lambda f: f.stat().st_mtime)
    for folder in kept[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def main(checkpoint: str, out: str) -> None:
    """Export ``checkpoint`` to the new folder ``out`` in this process."""
    from f2o_policy.checkpoint import load_checkpoint
    from f2o_policy.runtime.export import write_export

    try:
        write_export(load_checkpoint(checkpoint), Path(out))
    except F2oError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
