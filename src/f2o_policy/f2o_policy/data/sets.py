"""Teacher sets on disk: K trajectories per observation, the noise of each, and the cached embedding.

    trajectories.npy (N,K,H,D) float16, normalised    embedding.npy   (N,E) float32
    noise.npy        (N,K,H,D) float16                proprio.npy     (N,P) float32, physical units
    observation.npy  (N,)      int64, row of the data set              training.npy (N,) bool, split
    usable.npy       (N,)      bool                   bad.npy         (N,)  int64, trajectories replaced
    filled.npy       (N,)      bool, row is complete
    manifest.json    schema, hashes of teacher, data and code, seed, K, and, once complete, counts and wall time

``filled`` is written after the rows it marks, so an interrupted run resumes where it was, and several processes fill
one store, each its own rows.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.provenance import other_code

from f2o_policy.data.files import read_json, write_json
from f2o_policy.errors import FullDiskError, SetsError

SCHEMA = "f2o_sets/2"


@dataclass(frozen=True)
class SetShape:
    """N observations, K trajectories, H steps, D dimensions, E embedding, P joint state with its history."""

    n: int
    k: int
    h: int
    d: int
    e: int
    p: int = 8

    def arrays(self) -> dict[str, tuple[tuple[int, ...], type]]:
        """Shape and type of each file."""
        n, khd = self.n, (self.k, self.h, self.d)
        return {
            "trajectories": ((n, *khd), np.float16),
            "noise": ((n, *khd), np.float16),
            "embedding": ((n, self.e), np.float32),
            "proprio": ((n, self.p), np.float32),
            "observation": ((n,), np.int64),
            "training": ((n,), np.bool_),
            "usable": ((n,), np.bool_),
            "bad": ((n,), np.int64),
            "filled": ((n,), np.bool_),
        }

    @property
    def bytes(self) -> int:
        """What the arrays take on disk."""
        return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in self.arrays().values())


class SetStore:
    """Arrays that are filled row by row.

    Raises:
        SetsError: an array cannot be read or has another shape than the manifest says.
    """

    def __init__(self, path: str | Path, mode: str, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = Path(path), manifest
        shape = SetShape(**manifest["shape"])
        self._arrays = {}
        for name, (expected, dtype) in shape.arrays().items():
            file = self.path / f"{name}.npy"
            if mode == "w+":
                _allocate(file, dtype, expected)
            try:
                array = np.load(file, mmap_mode="r" if mode == "r" else "r+")
            except (OSError, ValueError) as error:
                raise SetsError(path, f"{name}.npy cannot be read ({error}); sample again") from error
            if array.shape != expected:
                raise SetsError(
                    path, f"{name}.npy: expected shape {expected}, got {array.shape}; sample again"
                )
            self._arrays[name] = array

    @classmethod
    def create_or_continue(cls, path: str | Path, manifest: dict[str, Any]) -> SetStore:
        """A new store, or the one at ``path`` if it was begun with the same manifest.

        Raises:
            SetsError: it was begun with other settings or code.
        """
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        if not (path / "manifest.json").exists():
            store = cls(path, "w+", {"schema": SCHEMA, **manifest})
            write_json(path / "manifest.json", store.manifest)
            return store
        old = read_json(path / "manifest.json", lambda text: SetsError(path, text))
        if problem := other_code(old.get("code_sha256", ""), manifest["code_sha256"]):
            raise SetsError(path, problem)
        changed = [k for k in ("schema", *manifest) if old.get(k) != {"schema": SCHEMA, **manifest}[k]]
        if changed:
            raise SetsError(path, f"were begun with another {', '.join(changed)}; use another folder")
        return cls(path, "r+", old)

    @classmethod
    def open(cls, path: str | Path) -> SetStore:
        """A complete store, for reading.

        Raises:
            SetsError: it is missing, incomplete or of another schema.
        """
        path = Path(path)
        manifest = read_json(path / "manifest.json", lambda text: SetsError(path, text))
        if manifest.get("schema") != SCHEMA:
            raise SetsError(path, f"expected schema {SCHEMA}, got {manifest.get('schema')!r}")
        store = cls(path, "r", manifest)
        if store.done < manifest["shape"]["n"]:
            raise SetsError(
                path,
                f"only {store.done} of {manifest['shape']['n']} observations are done; run f2o sample again",
            )
        return store

    @property
    def done(self) -> int:
        """Rows that are complete."""
        return int(self._arrays["filled"].sum())

    def __getitem__(self, name: str) -> np.ndarray:
        """One of the arrays named in the module's text."""
        return self._arrays[name]

    def commit(self, rows: np.ndarray) -> None:
        """Sync ``rows`` to disk, then mark them as complete."""
        for array in self._arrays.values():
            array.flush()
        self._arrays["filled"][rows] = True
        self._arrays["filled"].flush()

    def update_manifest(self, **extra: Any) -> None:
        """Add entries to the manifest."""
        self.manifest = {**self.manifest, **extra}
        write_json(self.path / "manifest.json", self.manifest)


def _allocate(file: Path, dtype: type, shape: tuple[int, ...]) -> None:
    """An array of zeros with its blocks reserved, so that a disk that fills up later does not kill the process."""
    try:
        np.lib.format.open_memmap(file, "w+", dtype, shape).flush()
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    except OSError as error:
        raise FullDiskError(file, error) from error
