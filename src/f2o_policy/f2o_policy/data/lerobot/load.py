"""Import a LeRobotDataset v3.0: one of our exports, or another with colour, state and action of a seven-joint arm.

Needs pyarrow and pillow, and PyAV for videos; not lerobot. Frames of the same observation become one row. What a data
set of others does not have (depth, points) is zero in ours, and ours says so: training refuses it as an input.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from f2o_nodekit.robot import canonical, canonical_names
from tqdm import tqdm

from f2o_policy.data.files import read_json
from f2o_policy.data.lerobot import images
from f2o_policy.data.lerobot.columns import ColumnProblem, check_joints, check_order, numbers, whole
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
    VIDEO_PATH,
    VIEW_STAMPS,
    frame_times,
)
from f2o_policy.data.store import DatasetWriter
from f2o_policy.errors import DatasetError, FullDiskError

FRAME = "frame_index"
INDEX = ("episode_index", FRAME)


@dataclass
class Report:
    """What an import did: episodes added, episodes already present, why others were left out, what all lack."""

    converted: int = 0
    present: int = 0
    skipped: list[str] = field(default_factory=list)
    lacks: tuple[str, ...] = ()


def import_lerobot(source: Path, out: Path, image_size: int = 0, name: str = "") -> Report:
    """Append the episodes of ``source`` that ``out`` does not hold yet; an unusable one is skipped and named.

    ``image_size`` > 0 scales every view to that many pixels, as the perception node does. ``name`` says where the
    episodes come from (default: the folder's name).

    Raises:
        DatasetError: another format, a feature that the policy needs is missing, no episode is usable.
        FullDiskError: see ``DatasetWriter.add_rows``.
    """
    reader = _Reader(source, image_size, name or source.resolve().name)
    report = Report(lacks=reader.lacks)
    with DatasetWriter(out, lacks=reader.lacks) as writer:
        rows = list(reader.episodes())
        for number, row in enumerate(tqdm(rows, unit="episode", desc="import")):
            try:
                _add(reader, writer, row, report)
            except FullDiskError:
                raise
            except (DatasetError, ColumnProblem, images.ImageProblem) as error:
                report.skipped.append(f"episode {row.get('episode_index', number)}: {_text(error)}")
                tqdm.write(f"skipped: {report.skipped[-1]}")
    if not report.converted and not report.present:
        why = f", the first because: {report.skipped[0]}" if report.skipped else ""
        raise DatasetError(source, f"none of {len(rows)} episodes could be imported{why}")
    return report


def _add(reader: _Reader, writer: DatasetWriter, row: dict[str, Any], report: Report) -> None:
    meta = reader.meta(row)
    if meta["source"] in writer.sources:
        report.present += 1
        return
    writer.add_rows(reader.read(row), reader.views, reader.joint_names, meta)
    report.converted += 1


def _text(error: Exception) -> str:
    """Its sentence, without the data set that ``import_lerobot`` names."""
    return error.problem if isinstance(error, DatasetError) else str(error)


class _Reader:
    """Reads what ``info.json`` describes."""

    def __init__(self, source: Path, image_size: int, name: str) -> None:
        self.source, self.image_size, self.name = source, image_size, name
        if not (source / "meta/info.json").is_file():
            raise DatasetError(source, "has no meta/info.json; expected the root of a LeRobotDataset")
        info = read_json(source / "meta/info.json", lambda text: DatasetError(source, text))
        version = str(info.get("codebase_version"))
        if version.split(".")[0] != VERSION.split(".")[0]:
            raise self._wrong(f"codebase_version: expected {VERSION}, got {version}; convert it with lerobot")
        self.features = self._features(info.get("features"))
        self.data_path = str(info.get("data_path") or DATA_PATH)
        self.video_path = str(info.get("video_path") or VIDEO_PATH)
        fps = info.get("fps")
        if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps < math.inf:
            raise self._wrong(f"fps: expected > 0, got {fps!r}")
        self.fps = float(fps)
        colour = [k for k in self.features if k.startswith(COLOUR) and not self._is_depth(k)]
        self.views = tuple(k.removeprefix(COLOUR) for k in colour)
        self.depth_keys = {view: self._depth_key(view) for view in self.views}
        self._check()
        names = self.features[STATE].get("names")
        joints = canonical(names[:7]) if isinstance(names, list) and len(names) == 8 else canonical_names(7)
        self.joint_names = joints

    @property
    def lacks(self) -> tuple[str, ...]:
        """Inputs of the network that the data set does not have: a view without depth, or no points."""
        depth = all(key in self.features for key in self.depth_keys.values())
        return (*(() if depth else ("depth",)), *(() if POINTS in self.features else ("points",)))

    def _wrong(self, problem: str) -> DatasetError:
        """``problem`` is one of meta/info.json."""
        return DatasetError(self.source, f"meta/info.json: {problem}")

    def _features(self, features: Any) -> dict[str, dict[str, Any]]:
        if not isinstance(features, dict):
            raise self._wrong(f"features: expected an object, got {features!r}")
        for key, feature in features.items():
            if not isinstance(feature, dict) or not isinstance(feature.get("dtype"), str):
                raise self._wrong(f"features: {key}: expected an object with dtype and shape")
            shape = feature.get("shape")
            if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
                raise self._wrong(f"features: {key}: shape: expected a list of integers, got {shape!r}")
        return features

    def _is_depth(self, key: str) -> bool:
        info = self.features[key].get("info")
        return isinstance(info, dict) and bool(info.get("is_depth_map") or info.get("video.is_depth_map"))

    def _depth_key(self, view: str) -> str:
        """The key of our export, or the one under which lerobot records a depth camera."""
        other = f"{COLOUR}{view}_depth"
        return other if other in self.features else DEPTH + view

    def _check(self) -> None:
        missing = [] if self.views else [COLOUR + "<view>"]
        missing += [key for key in (STATE, ACTION) if key not in self.features]
        if missing:
            raise DatasetError(
                self.source,
                f"lacks {', '.join(missing)}; the policy needs colour of one view at least, and an "
                "observation.state and an action of 7 joints [rad] and the gripper's width [m]",
            )
        for key in (COLOUR + view for view in self.views):
            if (dtype := self.features[key]["dtype"]) not in ("image", "video"):
                raise self._wrong(f"{key}: dtype: expected image or video, got {dtype}")
        for key in (STATE, ACTION):
            if list(shape := self.features[key]["shape"]) != [8]:
                raise self._wrong(f"{key}: expected shape [8], got {shape}")
        if "points" not in self.lacks:
            shape = self.features[POINTS]["shape"]
            if len(shape) not in (1, 2) or (shape[-1] % 3 if len(shape) == 1 else shape[-1] != 3):
                raise self._wrong(f"{POINTS}: expected shape [3 P] or [P, 3], got {shape}")

    def episodes(self) -> Iterator[dict[str, Any]]:
        """The rows of meta/episodes, without statistics."""
        files = sorted((self.source / "meta/episodes").glob("*/*.parquet"))
        if not files:
            raise DatasetError(self.source, "has no meta/episodes/chunk-*/file-*.parquet")
        for path in files:
            names = self._open(path).schema_arrow.names
            yield from self._table(path, [n for n in names if not n.startswith("stats/")]).to_pylist()

    def meta(self, row: dict[str, Any]) -> dict[str, Any]:
        """The meta of our export; for another data set the source and the task of the episode."""
        try:
            meta = json.loads(row.get(META) or "{}")
        except (TypeError, ValueError) as error:
            raise ColumnProblem(f"meta/episodes: {META}: expected JSON ({error})") from error
        tasks = row.get("tasks") or [""]
        meta = meta or {"task": str(tasks[0] if isinstance(tasks, list) else tasks)}
        episode = whole(row, "episode_index")
        return {"source": f"{self.name}/{episode:06d}", **meta}

    def read(self, row: dict[str, Any]) -> dict[str, np.ndarray]:
        """An episode as ``DatasetWriter.add_rows`` takes it."""
        ours = OURS if all(key in self.features for key in OURS) else ()
        table = self._frames(row, ours)
        frame, state, action = (self._array(table, key) for key in (FRAME, STATE, ACTION))
        check_joints(STATE, state)
        check_joints(ACTION, action)
        times = self._array(table, TIME) if ours else frame_times(0, frame, self.fps)
        stamps, keep = np.unique(self._array(table, STAMP) if ours else times, return_index=True)
        joints = self._array(table, JOINTS)[keep] if ours else state[keep].astype(np.float64)
        alike = np.repeat(stamps[:, None], len(self.views), 1)
        rgb = [list(self._colour(row, table, COLOUR + view, keep)) for view in self.views]
        return {
            "rgb": self._stack(dict(zip(self.views, rgb, strict=True))),
            "depth_mm": self._depths(row, table, keep, rgb[0][0].shape[0]),
            "points": self._points(table.take(keep)),
            "stamps": stamps,
            "view_stamps": self._array(table, VIEW_STAMPS)[keep] if ours else alike,
            "joints": joints,
            "command_stamps": times,
            "commands": action,
        }

    def _frames(self, row: dict[str, Any], ours: tuple[str, ...]) -> pa.Table:
        """The frames of an episode, in order."""
        episode, length = whole(row, "episode_index"), whole(row, "length")
        path = self._file(self.data_path, row, "data", ("chunk_index", "file_index"))
        seen = [COLOUR + view for view in self.views]
        seen += [] if "depth" in self.lacks else self.depth_keys.values()
        keys = [key for key in seen if self.features[key]["dtype"] != "video"]
        keys += [] if "points" in self.lacks else [POINTS]
        table = self._table(
            path, [*keys, STATE, ACTION, *INDEX, *ours], [("episode_index", "=", episode)]
        ).combine_chunks()
        if len(table) != length or not length:
            raise ColumnProblem(f"{path.name} has {len(table)} frames of it, meta/episodes says {length}")
        check_order(self._array(table, FRAME))
        return table.sort_by(FRAME)

    def _file(self, pattern: str, row: dict[str, Any], kind: str, keys: tuple[str, ...], **more: str) -> Path:
        """The path of a file that ``row`` of meta/episodes points to."""
        place = {key: whole(row, f"{kind}/{key}") for key in keys}
        try:
            file = images.below(self.source, pattern.format(**place, **more))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ColumnProblem(
                f"meta/info.json: {error} is unknown in the path {pattern}; expected {DATA_PATH}"
            ) from error
        if file is None:
            raise ColumnProblem(f"meta/info.json: the path {pattern} leads out of the data set")
        return file

    def _open(self, path: Path) -> pq.ParquetFile:
        name = path.relative_to(self.source) if path.is_relative_to(self.source) else path.name
        if not path.is_file():
            raise DatasetError(self.source, f"{name} is missing; download the data set again")
        try:
            return pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(
                self.source, f"{name} cannot be read ({str(error).splitlines()[0]})"
            ) from error

    def _table(self, path: Path, keys: list[str], filters: Any = None) -> pa.Table:
        with self._open(path) as file:
            missing = [key for key in keys if key not in file.schema_arrow.names]
        name = "/".join(path.parts[-3:])
        if missing:
            raise DatasetError(
                self.source, f"{name}: no column {', '.join(missing)}, which meta/info.json promises"
            )
        try:
            return pq.read_table(path, columns=keys, filters=filters)
        except (OSError, pa.ArrowException, TypeError) as error:
            raise DatasetError(
                self.source, f"{name} cannot be read ({str(error).splitlines()[0]})"
            ) from error

    def _array(self, table: pa.Table, key: str) -> np.ndarray:
        """A column of numbers with the shape that info.json says."""
        return numbers(table, key, self.features[key]["shape"] if key in self.features else [1])

    def _colour(
        self, row: dict[str, Any], table: pa.Table, key: str, keep: np.ndarray
    ) -> Iterator[np.ndarray]:
        """(S,S,3) of a view in the frames ``keep``."""
        if self.features[key]["dtype"] == "video":
            frames = self._video(row, table, key, keep, "rgb24")
        else:
            frames = (images.read_colour(cell, self.source) for cell in table[key].take(keep).to_pylist())
        return (images.fit_colour(frame, self.image_size) for frame in frames)

    def _video(
        self, row: dict[str, Any], table: pa.Table, key: str, keep: np.ndarray, pixels: str
    ) -> Iterator[np.ndarray]:
        """The frames ``keep`` of an episode in a video, which holds several episodes."""
        place = ("chunk_index", "file_index")
        path = self._file(self.video_path, row, f"videos/{key}", place, video_key=key)
        begin = row.get(f"videos/{key}/from_timestamp")
        if not isinstance(begin, (int, float)) or not math.isfinite(begin):
            raise ColumnProblem(
                f"meta/episodes: videos/{key}/from_timestamp: expected seconds, got {begin!r}"
            )
        if not path.is_file():
            raise ColumnProblem(f"{path.name} of {key} is missing; download the data set again")
        return images.read_video(path, begin + self._array(table, FRAME)[keep] / self.fps, pixels)

    def _stack(self, views: dict[str, list[np.ndarray]]) -> np.ndarray:
        """(N,V,S,S,3) of the images of every view."""
        sizes = {view: sorted({image.shape[0] for image in each}) for view, each in views.items()}
        if len({size for each in sizes.values() for size in each}) > 1:
            told = ", ".join(f"{view} {' and '.join(map(str, each))} px" for view, each in sizes.items())
            raise images.ImageProblem(
                f"views differ in size ({told}); expected one size, or --image-size to scale them"
            )
        return np.stack([np.stack(each) for each in views.values()], 1)

    def _depths(self, row: dict[str, Any], table: pa.Table, keep: np.ndarray, side: int) -> np.ndarray:
        """(N,V,S,S) uint16 mm; zero, as where a camera measures nothing, if the data set has none."""
        if "depth" in self.lacks:
            return np.zeros((len(keep), len(self.views), side, side), np.uint16)
        each = [list(self._depth(row, table, key, keep)) for key in self.depth_keys.values()]
        return np.stack(
            [np.stack([images.fit_depth(image, self.image_size) for image in view]) for view in each], 1
        )

    def _depth(
        self, row: dict[str, Any], table: pa.Table, key: str, keep: np.ndarray
    ) -> Iterator[np.ndarray]:
        """(H,W) uint16 mm of a view; another data set may have it in metres, as numbers or as a video."""
        feature = self.features[key]
        info = feature.get("info") or {}
        if feature["dtype"] == "video":
            codes = self._video(row, table, key, keep, "gray12le")
            yield from (images.depth_of_codes(frame, info) for frame in codes)
            return
        if feature["dtype"] == "image":
            each = (images.read_depth(cell, self.source) for cell in table[key].take(keep).to_pylist())
        else:
            each = iter(self._array(table.take(keep), key))
        scale = 1000.0 if info.get("depth_unit") == "m" else 1.0
        for image in each:
            depth = np.round(np.nan_to_num(image.astype(np.float64), posinf=0.0) * scale)
            yield depth.reshape(depth.shape[:2]).clip(0, 65535).astype(np.uint16)

    def _points(self, table: pa.Table) -> np.ndarray:
        """(N,P,3); a single one at the origin if the data set has none."""
        if "points" in self.lacks:
            return np.zeros((len(table), 1, 3), np.float32)
        return self._array(table, POINTS).reshape(len(table), -1, 3)
