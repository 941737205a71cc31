"""What a checkpoint says of itself, read without torch, without its weights, and without running code of the file."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

from f2o_policy.errors import CheckpointError

FILE_NAME = "checkpoint.pt"


def checkpoint_file(path: str | Path) -> Path:
    """``path`` itself, or ``path``/checkpoint.pt where ``path`` is a run folder."""
    path = Path(path)
    return path / FILE_NAME if path.is_dir() else path


def read_values(path: Path) -> dict[str, Any]:
    """The plain values of a checkpoint; its tensors are None. Runs no code of the file.

    Raises:
        CheckpointError: no such file, or not a checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as file:
                tree = _PlainUnpickler(file).load()
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})") from error
    except (zipfile.BadZipFile, StopIteration, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise CheckpointError(path, "is not a checkpoint file, or is cut short") from error
    if not isinstance(tree, dict) or "schema" not in tree:
        raise CheckpointError(path, "is a torch file, but not a checkpoint")
    return tree


class _PlainUnpickler(pickle.Unpickler):
    """Builds containers and numbers; whatever a file wants to be imported becomes a function that returns None."""

    def find_class(self, module: str, name: str) -> Any:
        return dict if (module, name) == ("collections", "OrderedDict") else _nothing

    def persistent_load(self, pid: Any) -> None:
        """A storage of weights: not read."""


def _nothing(*_: Any, **__: Any) -> None:
    return None
