"""A data set as a LeRobotDataset v3.0 (https://huggingface.co/docs/lerobot), written with pyarrow alone.

Frames lie on a uniform clock that starts at an episode's first observation. Each holds the nearest observation with its
true stamps, and joints and commands interpolated at the frame's time (the joints at the observation's time are kept as
well). Images are PNG in the parquet files: colour is exact, depth is 16 bit in mm and marked as lerobot 0.6 does.
Points are flat, (3 P,), because lerobot's tools for deleting and merging episodes fail on arrays. An observation that
is nearest to no frame is left out: export at a higher fps to keep all.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from f2o_nodekit.stamps import NS_PER_S
from tqdm import tqdm

from f2o_policy.data.files import write_json
from f2o_policy.data.history import nearest
from f2o_policy.data.lerobot.format import (
    ACTION,
    COLOUR,
    DATA_PATH,
    DEPTH,
    FILE_MB,
    FILES,
    FILES_A_CHUNK,
    JOINTS,
    META,
    POINTS,
    STAMP,
    STATE,
    TIME,
    VERSION,
    VIEW_STAMPS,
    column,
    features_of,
    frame_times,
    merge,
    schema_of,
    statistics,
)
from f2o_policy.data.store import Dataset, Episode
from f2o_policy.data.windows import interpolate
from f2o_policy.errors import DatasetError, FullDiskError


def export_lerobot(
    data: Path, out: Path, fps: float = 30.0, task: str = "manipulation", robot: str = "panda"
) -> None:
    """Write the data set ``data`` to the new folder ``out``; ``task`` is used where an episode's meta has none.

    Raises:
        DatasetError: ``data`` cannot be read, ``out`` exists. FullDiskError: nothing is left at ``out``.
    """
    if not fps > 0:
        raise DatasetError(out, f"fps: expected > 0, got {fps}")
    if out.exists():
        raise DatasetError(out, "exists already; give the export a new folder")
    source, part = Dataset(data), out.with_name(out.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # what a crash left
        _Export(source, part, fps, task, robot).write()
        part.rename(out)
    except (OSError, pa.ArrowException) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise FullDiskError(out, error) from error


class _Export:
    """One export: the open data file, and the metadata so far."""

    def __init__(self, data: Dataset, out: Path, fps: float, task: str, robot: str) -> None:
        self.data, self.out, self.fps, self.task, self.robot = data, out, fps, task, robot
        self.features = features_of(data)
        self.schema = schema_of(self.features)
        self.tasks: dict[str, int] = {}
        self.episodes: list[dict[str, Any]] = []
        self.stats: list[dict[str, dict[str, np.ndarray]]] = []
        self.frames = 0
        self._file = -1
        self._writer: pq.ParquetWriter | None = None

    def write(self) -> None:
        """Write every episode, then the metadata."""
        try:
            for episode in tqdm(self.data.episodes, unit="episode", desc="export"):
                self._episode(episode)
        finally:
            if self._writer is not None:
                self._writer.close()
        self._meta()

    def _episode(self, episode: Episode) -> None:
        values = self._values(episode)
        columns = [
            column(values[key], self.features[key], self.schema.field(key).type) for key in self.features
        ]
        self._next_file().write_table(
            pa.Table.from_arrays(columns, schema=self.schema)
        )  # one row group an episode
        stats = {
            key: statistics(values[key], self.features[key]["dtype"])
            for key in self.features
            if key != POINTS
        }
        count, task = len(values["index"]), list(self.tasks)[values["task_index"][0]]
        flat = {f"stats/{k}/{name}": v.tolist() for k, each in stats.items() for name, v in each.items()}
        self.episodes.append({
            "episode_index": episode.index, "tasks": [task], "length": count, **self._place("data", self._file),
            "dataset_from_index": self.frames, "dataset_to_index": self.frames + count, **flat,
            **self._place("meta/episodes", 0), META: json.dumps(episode.meta),
        })  # fmt: skip
        self.stats.append(stats)
        self.frames += count

    def _values(self, episode: Episode) -> dict[str, np.ndarray]:
        """Every feature of the frames of an episode."""
        rows, sent = slice(*episode.observations), slice(*episode.commands)
        stamps = np.array(self.data["stamps"][rows])
        length_s = (stamps[-1] - stamps[0]) / NS_PER_S
        count = math.ceil(length_s * self.fps - 1e-6) + 1  # the last observation too
        frame = np.arange(count)
        times = frame_times(int(stamps[0]), frame, self.fps)
        seen = rows.start + nearest(stamps, times)
        task = self.tasks.setdefault(str(episode.meta.get("task") or self.task), len(self.tasks))
        commands = self.data["command_stamps"][sent], self.data["commands"][sent]
        rgb, depth = self.data["rgb"][seen], self.data["depth_mm"][seen]
        return {
            **{COLOUR + view: rgb[:, i] for i, view in enumerate(self.data.view_names)},
            **{DEPTH + view: depth[:, i] for i, view in enumerate(self.data.view_names)},
            POINTS: self.data["points"][seen].astype(np.float32).reshape(count, -1),
            STATE: interpolate(stamps, self.data["joints"][rows], times).astype(np.float32),
            ACTION: interpolate(*commands, times).astype(np.float32),
            TIME: times,
            STAMP: self.data["stamps"][seen],
            VIEW_STAMPS: self.data["view_stamps"][seen],
            JOINTS: self.data["joints"][seen],
            "timestamp": (frame / self.fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(count, episode.index),
            "index": self.frames + frame,
            "task_index": np.full(count, task),
        }

    def _next_file(self) -> pq.ParquetWriter:
        """The open data file; a new one once it is full."""
        if self._writer is not None and self._path().stat().st_size < FILE_MB << 20:
            return self._writer
        if self._writer is not None:
            self._writer.close()
        self._file += 1
        self._path().parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(
            self._path(), self.schema, compression="zstd", use_dictionary=False,
            column_encoding={POINTS + ".list.element": "BYTE_STREAM_SPLIT"},
        )  # fmt: skip
        return self._writer

    def _path(self) -> Path:
        place = {k.split("/")[-1]: v for k, v in self._place("data", self._file).items()}
        return self.out / DATA_PATH.format(**place)

    @staticmethod
    def _place(kind: str, file: int) -> dict[str, int]:
        return {f"{kind}/chunk_index": file // FILES_A_CHUNK, f"{kind}/file_index": file % FILES_A_CHUNK}

    def _meta(self) -> None:
        path = self.out / "meta" / "episodes" / (FILES.format(chunk_index=0, file_index=0) + ".parquet")
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(self.episodes), path, compression="zstd")
        # pandas, with which lerobot reads this file, takes the column named in "index_columns" as the table's index.
        tasks = pa.table({"task_index": list(self.tasks.values()), "task": list(self.tasks)})
        kinds = (("task_index", "int64", "int64"), ("task", "unicode", "object"))
        columns = [
            {"name": n, "field_name": n, "pandas_type": p, "numpy_type": k, "metadata": None}
            for n, p, k in kinds
        ]
        pandas = {
            "index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"
        }  # fmt: skip
        pq.write_table(
            tasks.replace_schema_metadata({"pandas": json.dumps(pandas)}), self.out / "meta/tasks.parquet"
        )
        merged = {key: merge([each[key] for each in self.stats]) for key in self.stats[0]}
        listed = {k: {n: v.tolist() for n, v in s.items()} for k, s in merged.items()}
        write_json(self.out / "meta/stats.json", listed)
        write_json(self.out / "meta/info.json", {
            "codebase_version": VERSION, "robot_type": self.robot, "total_episodes": len(self.episodes),
            "total_frames": self.frames, "total_tasks": len(self.tasks), "chunks_size": FILES_A_CHUNK,
            "data_files_size_in_mb": FILE_MB, "video_files_size_in_mb": 200,
            "fps": int(self.fps) if self.fps == int(self.fps) else self.fps,
            "splits": {"train": f"0:{len(self.episodes)}"}, "data_path": DATA_PATH, "video_path": None,
            "features": self.features,
        })  # fmt: skip
