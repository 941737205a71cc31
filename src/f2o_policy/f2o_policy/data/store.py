"""A data set on disk: memory-mapped .npy arrays that grow episode by episode, a journal and a manifest.

    rgb.npy          (N,V,S,S,3) uint8        joints.npy            (N,8) float64: 7 joints [rad], width [m]
    depth_mm.npy     (N,V,S,S)   uint16       stamps.npy            (N,)  int64, ROS ns
    points.npy       (N,P,3)     float16 [m]  view_stamps.npy       (N,V) int64, ROS ns
    commands.npy     (T,8) float64: what the bridge sent    command_stamps.npy (T,) int64, ROS ns
    journal.jsonl    one line per episode, written after its rows are on disk: counts, sha256, meta
    manifest.json    written by close(): layout, episode boundaries, sha256 of everything

float16 points are exact to 0.25 mm within a metre. A crash leaves rows without a journal line; the next writer removes
them and continues.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.robot import canonical
from f2o_perception.frames import Observation
from jaxtyping import Float64, Int64

from f2o_policy.data.arm import SAME_TOOL_M, ToolPositions, tools_apart_m
from f2o_policy.data.files import append, read_json, write_json
from f2o_policy.data.layout import (
    COMMAND_ARRAYS,
    DTYPES,
    create_arrays,
    data_hash,
    digest,
    read_journal,
    totals_of,
    truncate_arrays,
    write_headers,
)
from f2o_policy.errors import DatasetError

SCHEMA = "f2o_dataset/1"


@dataclass(frozen=True)
class Episode:
    """One episode: rows [first, last) of the observation arrays and of the command arrays."""

    index: int
    observations: tuple[int, int]
    commands: tuple[int, int]
    meta: dict[str, Any]


class DatasetWriter:
    """Appends episodes to a data set; an existing one is continued. Use as a context manager or call close().

    Args:
        path: folder of the data set.
        tool_m: what ``f2o_policy.data.arm.tool_positions`` says of the arm of the episodes; None where it is not known.
        lacks: inputs of the network that the episodes do not have ("depth", "points"): their arrays hold zeros.
    """

    def __init__(
        self, path: str | Path, tool_m: ToolPositions | None = None, lacks: Sequence[str] = ()
    ) -> None:
        self._tool_m, self._lacks = tool_m, list(lacks)
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._entries = read_journal(self.path)
        self._layout = self._entries[0]["layout"] if self._entries else None
        if self._layout is not None:
            self._layout["joint_names"] = list(canonical(self._layout["joint_names"]))
        if self._layout is not None:
            truncate_arrays(self.path, self._layout, totals_of(self._entries))

    @property
    def metas(self) -> list[dict[str, Any]]:
        """What is said of the stored episodes, in their order."""
        return [entry["meta"] for entry in self._entries]

    @property
    def sources(self) -> set[str]:
        """``meta["source"]`` of the stored episodes, which a resumed conversion skips."""
        return {meta["source"] for meta in self.metas if "source" in meta}

    def __len__(self) -> int:
        """Episodes, those of before too."""
        return len(self._entries)

    def add_episode(
        self,
        observations: Sequence[Observation],
        command_stamps_ros_ns: Int64[np.ndarray, " t"],
        commands: Float64[np.ndarray, "t 8"],
        meta: dict[str, Any],
    ) -> None:
        """Append one episode; raises as ``add_rows``."""
        rows = _rows(observations, command_stamps_ros_ns, commands, self.path)
        self.add_rows(rows, observations[0].view_names, observations[0].joint_names, meta)

    def add_rows(
        self,
        rows: dict[str, np.ndarray],
        view_names: Sequence[str],
        joint_names: Sequence[str],
        meta: dict[str, Any],
    ) -> None:
        """Append one episode, given as one array per file; it exists once its journal line is on disk.

        Raises:
            DatasetError: an empty episode, stamps that go backwards, or another layout than the first episode's.
            FullDiskError: nothing of the episode was added.
        """
        rows = _checked(rows, self.path)
        layout = {
            "view_names": list(view_names),
            "joint_names": list(canonical(joint_names)),
            "shapes": {name: list(array.shape[1:]) for name, array in rows.items()},
            **({"lacks": self._lacks} if self._lacks else {}),
        }
        if self._layout is None:
            tool_m = {} if self._tool_m is None else {"tool_m": [list(point) for point in self._tool_m]}
            self._layout = layout | tool_m
            create_arrays(self.path, self._layout)
        if (away := tools_apart_m(self._tool_m, self._layout.get("tool_m"))) > SAME_TOOL_M:
            raise DatasetError(
                self.path,
                f"its episodes are of another arm: with the same joints the tool is {1e3 * away:.0f} mm away; "
                "use another folder",
            )
        if any(layout.get(key) != self._layout.get(key) for key in {*layout, "lacks"}):
            raise DatasetError(
                self.path, f"episode has layout {layout}, the data set has {self._layout}; use another folder"
            )
        for name, array in rows.items():
            append(self.path / f"{name}.npy", array.tobytes())
        entry = {
            "observations": len(rows["stamps"]),
            "commands": len(rows["commands"]),
            "sha256": digest(rows),
            "meta": meta,
            **({} if self._entries else {"layout": self._layout}),
        }
        append(self.path / "journal.jsonl", (json.dumps(entry) + "\n").encode())
        self._entries.append(entry)

    def close(self) -> None:
        """Write the array headers and the manifest; the data set can be read, and continued later."""
        if self._layout is None:
            return
        write_headers(self.path, self._layout, totals_of(self._entries))
        episodes, first = [], {"observations": 0, "commands": 0}
        for entry in self._entries:
            bounds = {k: [first[k], first[k] + entry[k]] for k in first}
            first = {k: bounds[k][1] for k in first}
            episodes.append({**bounds, "sha256": entry["sha256"], "meta": entry["meta"]})
        kept = ("view_names", "joint_names", "shapes", "lacks", "tool_m")
        layout = {key: self._layout[key] for key in kept if key in self._layout}
        manifest = {"schema": SCHEMA, **layout, "episodes": episodes, "sha256": data_hash(self._entries)}
        write_json(self.path / "manifest.json", manifest)

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Dataset:
    """A closed data set, memory-mapped. ``verify`` reads everything once and compares the hashes.

    Raises:
        DatasetError: the folder is no data set, of another schema, or damaged.
    """

    def __init__(self, path: str | Path, verify: bool = False) -> None:
        self.path = Path(path)
        manifest = read_json(self.path / "manifest.json", lambda text: DatasetError(self.path, text))
        if manifest.get("schema") != SCHEMA:
            raise DatasetError(self.path, f"expected schema {SCHEMA}, got {manifest.get('schema')!r}")
        self.sha256: str = manifest["sha256"]
        self.view_names = tuple(manifest["view_names"])
        self.joint_names = canonical(manifest["joint_names"])
        self.lacks: tuple[str, ...] = tuple(manifest.get("lacks", ()))
        tool_m = manifest.get("tool_m")
        self.tool_m: ToolPositions | None = None if tool_m is None else tuple(map(tuple, tool_m))
        self.episodes = [
            Episode(i, tuple(e["observations"]), tuple(e["commands"]), e["meta"])
            for i, e in enumerate(manifest["episodes"])
        ]
        self._arrays = {name: self._open(name) for name in DTYPES}
        if verify:
            self._verify([e["sha256"] for e in manifest["episodes"]])

    def __getitem__(self, name: str) -> np.ndarray:
        """One of the arrays named in the module's text, memory-mapped."""
        return self._arrays[name]

    def __len__(self) -> int:
        return len(self._arrays["stamps"])

    @property
    def image_size(self) -> int:
        """Pixels S of a view's side."""
        return self._arrays["rgb"].shape[2]

    def _open(self, name: str) -> np.ndarray:
        last = self.episodes[-1]
        rows = (last.commands if name in COMMAND_ARRAYS else last.observations)[1]
        try:
            array = np.load(self.path / f"{name}.npy", mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DatasetError(self.path, f"{name}.npy cannot be read ({error}); convert again") from error
        if len(array) != rows:
            raise DatasetError(
                self.path, f"{name}.npy has {len(array)} rows, the manifest says {rows}; convert again"
            )
        return array

    def _verify(self, hashes: list[str]) -> None:
        for episode, expected in zip(self.episodes, hashes, strict=True):
            rows = {
                name: array[slice(*(episode.commands if name in COMMAND_ARRAYS else episode.observations))]
                for name, array in self._arrays.items()
            }
            if digest(rows) != expected:
                raise DatasetError(
                    self.path,
                    f"episode {episode.index} does not match its sha256 in manifest.json (the files were changed "
                    "or damaged); convert again",
                )


def _rows(
    observations: Sequence[Observation], stamps: np.ndarray, commands: np.ndarray, path: Path
) -> dict[str, np.ndarray]:
    """The episode as one array per file."""
    if not len(observations) or not len(commands):
        raise DatasetError(path, f"episode has {len(observations)} observations and {len(commands)} commands")
    return {
        "rgb": np.stack([o.rgb for o in observations]),
        "depth_mm": np.stack([o.depth_mm for o in observations]),
        "points": np.stack([o.points for o in observations]),
        "stamps": np.array([o.stamp_ros_ns for o in observations]),
        "view_stamps": np.stack([o.view_stamps_ros_ns for o in observations]),
        "joints": np.stack([[*o.joint_positions, o.gripper_width] for o in observations]),
        "command_stamps": np.asarray(stamps),
        "commands": np.asarray(commands),
    }


def _checked(rows: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """The arrays in the types of the files.

    Raises:
        DatasetError: arrays that do not fit each other, stamps that do not increase, or numbers that are not finite.
    """
    _check_shapes(rows, path)
    for name in ("stamps", "command_stamps"):
        if (np.diff(rows[name]) <= 0).any():
            raise DatasetError(path, f"{name} of an episode do not increase")
    for name in ("joints", "commands"):
        if not np.isfinite(rows[name]).all():
            raise DatasetError(path, f"{name} of an episode are not finite")
    return {name: np.ascontiguousarray(array, DTYPES[name]) for name, array in rows.items()}


def _check_shapes(rows: dict[str, np.ndarray], path: Path) -> None:
    """What the headers will promise: one row for each stamp, and the axes of the module's text."""
    n, t = len(rows["stamps"]), len(rows["command_stamps"])
    views, side = (*rows["rgb"].shape[1:3], 0, 0)[:2]
    expected = {
        "rgb": (n, views, side, side, 3),
        "depth_mm": (n, views, side, side),
        "points": (n, *rows["points"].shape[1:2], 3),
        "view_stamps": (n, views),
        "joints": (n, 8),
        "stamps": (n,),
        "commands": (t, 8),
        "command_stamps": (t,),
    }
    if not n or not t:
        raise DatasetError(path, f"episode has {n} observations and {t} commands")
    for name, shape in expected.items():
        if rows[name].shape != shape:
            raise DatasetError(path, f"{name} of an episode: expected shape {shape}, got {rows[name].shape}")
