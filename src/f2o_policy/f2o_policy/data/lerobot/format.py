"""The layout of a LeRobotDataset v3.0 (https://huggingface.co/docs/lerobot): features, Arrow types, statistics.

Written with pyarrow and pillow; the lerobot package is not needed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from f2o_nodekit.joints import GRIPPER_WIDTH
from f2o_nodekit.stamps import NS_PER_S
from PIL import Image

from f2o_policy.data.store import Dataset

VERSION = "v3.0"
COLOUR, DEPTH, POINTS = "observation.images.", "observation.depth.", "observation.points"
STATE, ACTION = "observation.state", "action"
# Without the prefix "observation.", so that no lerobot policy takes them as inputs.
TIME, STAMP, VIEW_STAMPS, JOINTS = "time_ns", "stamp_ns", "view_stamps_ns", "stamp_joints"
OURS = (TIME, STAMP, VIEW_STAMPS, JOINTS)
META = "f2o_meta"  # one more column of meta/episodes: our meta as JSON
FILES = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH = f"data/{FILES}.parquet"
VIDEO_PATH = f"videos/{{video_key}}/{FILES}.mp4"
FILE_MB, FILES_A_CHUNK = 100, 1000
QUANTILES = {f"q{round(100 * q):02d}": q for q in (0.01, 0.1, 0.5, 0.9, 0.99)}
SAMPLES = 50  # frames of an episode that the statistics of its images and points are taken from


def frame_times(start_ns: int, frames: np.ndarray, fps: float) -> np.ndarray:
    """ROS ns of the frames of an episode; the float32 column ``timestamp`` is too coarse."""
    return start_ns + np.round(frames / fps * NS_PER_S).astype(np.int64)


def features_of(data: Dataset) -> dict[str, dict[str, Any]]:
    """The ``features`` of info.json; a scalar has shape [1]."""
    side, names = data.image_size, [*data.joint_names, GRIPPER_WIDTH]
    pixel = ["height", "width", "channels"]
    scalars = ("frame_index", "episode_index", "index", "task_index")
    depth = {"is_depth_map": True, "depth_unit": "mm"}
    return {
        **{COLOUR + v: {"dtype": "image", "shape": [side, side, 3], "names": pixel} for v in data.view_names},
        **{
            DEPTH + v: {"dtype": "image", "shape": [side, side, 1], "names": pixel, "info": depth}
            for v in data.view_names
        },
        POINTS: {"dtype": "float32", "shape": [3 * data["points"].shape[1]], "names": None},  # x, y, z of each
        STATE: {"dtype": "float32", "shape": [len(names)], "names": names},
        ACTION: {"dtype": "float32", "shape": [len(names)], "names": names},
        **{key: {"dtype": "int64", "shape": [1], "names": None} for key in (TIME, STAMP)},
        VIEW_STAMPS: {"dtype": "int64", "shape": [len(data.view_names)], "names": list(data.view_names)},
        JOINTS: {"dtype": "float64", "shape": [len(names)], "names": names},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{key: {"dtype": "int64", "shape": [1], "names": None} for key in scalars},
    }  # fmt: skip


def schema_of(features: dict[str, dict[str, Any]]) -> pa.Schema:
    """Arrow types as HF datasets has them, with its description in the metadata: a viewer shows the images."""
    types, described = {}, {}
    for key, feature in features.items():
        kind, shape = feature["dtype"], feature["shape"]
        value = {"dtype": kind, "_type": "Value"}
        if kind == "image":
            types[key], described[key] = (
                pa.struct({"bytes": pa.binary(), "path": pa.string()}),
                {"_type": "Image"},
            )
        elif shape == [1]:
            types[key], described[key] = pa.type_for_alias(kind), value
        else:
            types[key] = pa.list_(pa.type_for_alias(kind), shape[0])
            described[key] = {"feature": value, "length": shape[0], "_type": "Sequence"}
    return pa.schema(list(types.items()), {"huggingface": json.dumps({"info": {"features": described}})})


def column(values: np.ndarray, feature: dict[str, Any], kind: pa.DataType) -> pa.Array:
    """The values of a feature in all frames as an Arrow column of its type."""
    if feature["dtype"] == "image":
        return pa.array([{"bytes": encode_png(image), "path": None} for image in values], kind)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1), pa.type_for_alias(feature["dtype"]))
    return flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def encode_png(image: np.ndarray) -> bytes:
    """(S,S,3) uint8 or (S,S) uint16, without loss."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=3)
    return file.getvalue()


def statistics(values: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """As lerobot computes them: per channel of images (colour in 0..1), else over the last axis."""
    count = len(values)
    if values.ndim > 2:
        values = values[:: -(-count // SAMPLES)]
    scale, shape = (255.0 if values.dtype == np.uint8 else 1.0), (values.shape[-1] if values.ndim > 1 else 1,)
    if dtype == "image":
        shape = (3, 1, 1) if values.ndim == 4 else (1, 1, 1)
    flat = values.reshape(-1, shape[0]).astype(np.float64) / scale
    of: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "min": lambda x: x.min(0), "max": lambda x: x.max(0), "mean": lambda x: x.mean(0), "std": lambda x: x.std(0),
    }  # fmt: skip
    quantiles = dict(zip(QUANTILES, np.quantile(flat, list(QUANTILES.values()), axis=0), strict=True))
    return {
        **{
            name: value.reshape(shape)
            for name, value in ({k: f(flat) for k, f in of.items()} | quantiles).items()
        },
        "count": np.array([count]),
    }


def merge(stats: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The statistics of the data set from those of its episodes; quantiles are averaged, as in lerobot."""
    each = {name: np.stack([s[name] for s in stats]) for name in stats[0]}
    count = each["count"].reshape(-1, *[1] * (each["mean"].ndim - 1))
    mean = (each["mean"] * count).sum(0) / count.sum()
    variance = ((each["std"] ** 2 + (each["mean"] - mean) ** 2) * count).sum(0) / count.sum()
    return {
        "min": each["min"].min(0), "max": each["max"].max(0), "mean": mean, "std": np.sqrt(variance),
        **{name: (each[name] * count).sum(0) / count.sum() for name in QUANTILES},
        "count": np.array([count.sum()]),
    }  # fmt: skip
