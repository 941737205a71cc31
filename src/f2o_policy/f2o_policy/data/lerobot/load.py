"""Import a LeRobotDataset v3.0: one of our exports, or one with colour, depth, points, state and action.

Needs pyarrow and pillow, not lerobot. Frames of the same observation become one row.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tqdm import tqdm

from f2o_policy.data.files import read_json
from f2o_policy.data.lerobot.format import (
    ACTION,
    COLOUR,
    DATA_PATH,
    DEPTH,
    JOINTS,
    META,
    OURS,
    POINTS,
    STAMP,
    STATE,
    TIME,
    VERSION,
    VIEW_STAMPS,
    frame_times,
)
from f2o_policy.data.store import DatasetWriter
from f2o_policy.errors import DatasetError

INDEX = ("episode_index", "frame_index")


@dataclass
class Report:
    """What an import did: episodes added, episodes already present."""

    converted: int = 0
    present: int = 0


def import_lerobot(source: Path, out: Path) -> Report:
    """Append the episodes of ``source`` that ``out`` does not hold yet.

    Raises:
        DatasetError: another format, a feature that the policy needs is missing, a damaged file.
    """
    reader, report = _Reader(source), Report()
    with DatasetWriter(out) as writer:
        for row in tqdm(list(reader.episodes()), unit="episode", desc="import"):
            meta = reader.meta(row)
            if meta["source"] in writer.sources:
                report.present += 1
                continue
            writer.add_rows(reader.read(row), reader.views, reader.joint_names, meta)
            report.converted += 1
    return report


class _Reader:
    """Reads what ``info.json`` describes."""

    def __init__(self, source: Path) -> None:
        self.source = source
        if not (source / "meta/info.json").is_file():
            raise DatasetError(source, "has no meta/info.json; expected the root of a LeRobotDataset")
        info = read_json(source / "meta/info.json", lambda text: DatasetError(source, text))
        version = str(info.get("codebase_version"))
        if version.split(".")[0] != VERSION.split(".")[0]:
            raise DatasetError(
                source,
                f"meta/info.json: codebase_version: expected {VERSION}, got {version}; convert it with lerobot",
            )
        self.features: dict[str, dict[str, Any]] = info.get("features", {})
        self.fps, self.data_path = float(info.get("fps") or 0), info.get("data_path", "")
        if not self.fps > 0:
            raise DatasetError(source, f"meta/info.json: fps: expected > 0, got {info.get('fps')!r}")
        colour = [k for k in self.features if k.startswith(COLOUR) and not self._is_depth(k)]
        self.views = tuple(k.removeprefix(COLOUR) for k in colour)
        self.depth_keys = {view: self._depth_key(view) for view in self.views}
        self._check()
        names = self.features[STATE].get("names")
        joints = (
            names[:7]
            if isinstance(names, list) and len(names) == 8
            else [f"panda_joint{i}" for i in range(1, 8)]
        )
        self.joint_names = tuple(joints)

    def _wrong(self, problem: str) -> DatasetError:
        return DatasetError(self.source, problem)

    def _is_depth(self, key: str) -> bool:
        return bool((self.features[key].get("info") or {}).get("is_depth_map"))

    def _depth_key(self, view: str) -> str:
        """The key of our export, or the one under which lerobot records a depth camera."""
        other = f"{COLOUR}{view}_depth"
        return other if other in self.features else DEPTH + view

    def _check(self) -> None:
        needed = [*self.depth_keys.values(), POINTS, STATE, ACTION]
        missing = [] if self.views else [COLOUR + "<view>", DEPTH + "<view>"]
        missing += [key for key in needed if key not in self.features]
        if missing:
            raise self._wrong(
                f"lacks {', '.join(missing)}; the policy needs colour and depth of every view, points, and an "
                "observation.state and an action of 7 joints [rad] and the gripper's width [m]"
            )
        images = [COLOUR + view for view in self.views] + list(self.depth_keys.values())
        if videos := [key for key in images if self.features[key]["dtype"] == "video"]:
            raise self._wrong(
                f"{', '.join(videos)}: expected dtype image, got video; record with use_videos=False",
            )
        for key in (STATE, ACTION):
            if list(shape := self.features[key]["shape"]) != [8]:
                raise self._wrong(f"meta/info.json: {key}: expected shape [8], got {shape}")
        shape = self.features[POINTS]["shape"]
        if len(shape) > 2 or (shape[-1] % 3 if len(shape) == 1 else shape[-1] != 3):
            raise self._wrong(f"meta/info.json: {POINTS}: expected shape [3 P] or [P, 3], got {shape}")

    def episodes(self) -> Iterator[dict[str, Any]]:
        """The rows of meta/episodes, without statistics."""
        files = sorted((self.source / "meta/episodes").glob("*/*.parquet"))
        if not files:
            raise self._wrong("has no meta/episodes/chunk-*/file-*.parquet")
        for path in files:
            names = pq.read_schema(path).names if path.stat().st_size else []
            yield from self._table(path, [n for n in names if not n.startswith("stats/")]).to_pylist()

    def meta(self, row: dict[str, Any]) -> dict[str, Any]:
        """The meta of our export; for another data set the source and the task of the episode."""
        meta = json.loads(row.get(META) or "{}") or {"task": (row.get("tasks") or [""])[0]}
        return {"source": f"{self.source.resolve().name}/{row['episode_index']:06d}", **meta}

    def read(self, row: dict[str, Any]) -> dict[str, np.ndarray]:
        """An episode as ``DatasetWriter.add_rows`` takes it."""
        ours = OURS if all(key in self.features for key in OURS) else ()
        table = self._frames(row, ours)
        frame, state, action = (self._array(table, key) for key in ("frame_index", STATE, ACTION))
        times = self._array(table, TIME) if ours else frame_times(0, frame, self.fps)
        stamps, keep = np.unique(self._array(table, STAMP) if ours else times, return_index=True)
        table = table.take(keep)
        joints = self._array(table, JOINTS) if ours else state.astype(np.float64)
        alike = np.repeat(stamps[:, None], len(self.views), 1)
        return {
            "rgb": np.stack([self._images(table, COLOUR + view) for view in self.views], 1),
            "depth_mm": np.stack([self._depth(table, key) for key in self.depth_keys.values()], 1),
            "points": self._array(table, POINTS).reshape(len(table), -1, 3),
            "stamps": stamps,
            "view_stamps": self._array(table, VIEW_STAMPS) if ours else alike,
            "joints": joints,
            "command_stamps": times,
            "commands": action,
        }

    def _frames(self, row: dict[str, Any], ours: tuple[str, ...]) -> pa.Table:
        """The frames of an episode."""
        episode = row["episode_index"]
        try:
            place = {k: row[f"data/{k}"] for k in ("chunk_index", "file_index")}
            path = self.source / self.data_path.format(**place)
        except (KeyError, IndexError, ValueError) as error:
            raise self._wrong(
                f"meta: {error} is unknown; expected data_path {DATA_PATH} and its two columns in meta/episodes"
            ) from error
        images = [*(COLOUR + view for view in self.views), *self.depth_keys.values()]
        keys = [*images, POINTS, STATE, ACTION, *INDEX, *ours]
        table = self._table(path, keys, [("episode_index", "=", episode)])
        if len(table) != row["length"]:
            raise self._wrong(
                f"{path.name}: episode {episode} has {len(table)} frames, meta/episodes says {row['length']}"
            )
        return table

    def _table(self, path: Path, keys: list[str], filters: Any = None) -> pa.Table:
        if not path.is_file():
            raise self._wrong(f"{path.relative_to(self.source)} is missing; download the data set again")
        try:
            table = pq.read_table(path, columns=keys, filters=filters)
        except (OSError, pa.ArrowException) as error:
            raise self._wrong(
                f"{path.relative_to(self.source)} cannot be read ({str(error).splitlines()[0]})"
            ) from error
        if missing := [key for key in keys if key not in table.column_names]:
            raise self._wrong(
                f"{path.relative_to(self.source)}: no column {', '.join(missing)}, which meta/info.json promises",
            )
        return table

    def _array(self, table: pa.Table, key: str) -> np.ndarray:
        """A column of numbers with the shape that info.json says."""
        values = table[key].combine_chunks()
        values = values.storage if isinstance(values, pa.ExtensionArray) else values
        while (
            pa.types.is_list(values.type)
            or pa.types.is_fixed_size_list(values.type)
            or pa.types.is_large_list(values.type)
        ):
            values = values.flatten()
        shape = [] if list(self.features[key]["shape"]) == [1] else self.features[key]["shape"]
        return values.to_numpy(zero_copy_only=False).reshape(len(table), *shape)

    def _images(self, table: pa.Table, key: str) -> np.ndarray:
        """(N,S,S,3) or (N,S,S) of an image column."""
        try:
            images = [np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in table[key].to_pylist()]
        except (OSError, TypeError, KeyError) as error:
            raise self._wrong(
                f"{key}: an image cannot be decoded ({error}); expected PNG bytes in the parquet file",
            ) from error
        if len({i.shape for i in images}) > 1 or images[0].shape[0] != images[0].shape[1]:
            raise self._wrong(f"{key}: expected square images of one size, got {images[0].shape}")
        return np.stack(images)

    def _depth(self, table: pa.Table, key: str) -> np.ndarray:
        """uint16 mm; another data set may have it in metres or as numbers."""
        image = self.features[key]["dtype"] == "image"
        depth = self._images(table, key) if image else self._array(table, key)
        if (self.features[key].get("info") or {}).get("depth_unit") == "m":
            depth = np.round(depth.astype(np.float64) * 1000)
        return depth.reshape(depth.shape[:3]).clip(0, 65535).astype(np.uint16)
