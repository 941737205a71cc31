"""Visual meshes thinned to a face budget, because software rendering pays for vertices, not for pixels.

The thinned meshes are cached in the user's cache directory, keyed by the versions that shape them; nothing of the
robot's geometry is ever stored in the repository.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

FACES_PER_LINK = 1000  # 10 k faces in all: hardly faceted at 640x480, and ten times faster to draw than 135 k
MIN_FACES = 30
WELD_DECIMALS = 6  # a micrometre


@dataclass(frozen=True)
class VisualMesh:
    """One single-coloured part of a link's visual."""

    name: str
    vertices: Float32[np.ndarray, "v 3"]  # [m], link frame
    faces: Int32[np.ndarray, "f 3"]
    rgb: tuple[float, float, float]  # 0..1


def load_visual(path: Path, faces: int = FACES_PER_LINK) -> list[VisualMesh]:
    """The parts of a mesh file, thinned to about ``faces`` triangles together; from the cache when it has them."""
    cached = _cache_path(path, faces)
    if not cached.is_file():
        _store(cached, _thin(path, faces))
    with np.load(cached) as arrays:
        return _unpack(path.stem, dict(arrays))


def cache_dir() -> Path:
    """Where thinned meshes are kept: $XDG_CACHE_HOME/f2o/meshes, by default ~/.cache/f2o/meshes."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "f2o" / "meshes"


def _cache_path(path: Path, faces: int) -> Path:
    versions = [
        importlib.metadata.version(name) for name in ("example-robot-data", "trimesh", "fast_simplification")
    ]
    key = "|".join([str(path), str(path.stat().st_size), str(faces), *versions])
    return cache_dir() / f"{path.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"


def _thin(path: Path, faces: int) -> list[VisualMesh]:
    """Weld and simplify every part of a mesh file, each by the same ratio."""
    import trimesh  # late: half a second, and needed only when the cache is cold

    scene = trimesh.load_scene(path)
    parts = []
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        parts.append(scene.geometry[name].copy().apply_transform(transform))
    ratio = min(1.0, faces / sum(len(part.faces) for part in parts))
    meshes = [_simplify(part, ratio, f"{path.stem}_{k}") for k, part in enumerate(parts)]
    return [mesh for mesh in meshes if len(mesh.faces) >= 4]


def _simplify(part: Any, ratio: float, name: str) -> VisualMesh:
    import fast_simplification

    # Exporters split vertices at every normal; unwelded, each face would be simplified alone.
    welded, index = np.unique(np.round(part.vertices, WELD_DECIMALS), axis=0, return_inverse=True)
    faces = index.reshape(-1)[part.faces]
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    vertices, faces = welded.astype(np.float32), np.ascontiguousarray(faces[proper], np.int32)
    target = max(MIN_FACES, int(len(faces) * ratio))
    if len(faces) > target:
        vertices, faces = fast_simplification.simplify(vertices, faces, target_count=target)
    return VisualMesh(name, vertices.astype(np.float32), faces.astype(np.int32), _colour(part))


def _colour(part: Any) -> tuple[float, float, float]:
    material = getattr(part.visual, "material", None)
    rgba = getattr(material, "main_color", (230, 230, 230, 255))
    red, green, blue = (float(c) / 255.0 for c in rgba[:3])
    return red, green, blue


def _store(path: Path, meshes: list[VisualMesh]) -> None:
    """Write atomically: several processes may start at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    for k, mesh in enumerate(meshes):
        arrays[f"v{k}"], arrays[f"f{k}"], arrays[f"c{k}"] = mesh.vertices, mesh.faces, np.array(mesh.rgb)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _unpack(stem: str, arrays: dict[str, np.ndarray]) -> list[VisualMesh]:
    count = len(arrays) // 3
    return [
        VisualMesh(f"{stem}_{k}", arrays[f"v{k}"], arrays[f"f{k}"], tuple(arrays[f"c{k}"].tolist()))
        for k in range(count)
    ]
