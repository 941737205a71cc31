"""Images of a LeRobotDataset: PNG or JPEG cells of a parquet file, and frames of its videos.

Other people's data sets hold RGBA, grey and palette images, views of different sizes, and mostly videos (AV1, H.264).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from f2o_perception.image import resize_depth, resize_rgb
from jaxtyping import Float64, Num, UInt8, UInt16
from PIL import Image, UnidentifiedImageError

DEEP = ("I", "I;16", "I;16B", "I;16L")
"""Pillow's modes of more than 8 bits."""
DEPTH_CODE = {"depth_min": 0.01, "depth_max": 10.0, "shift": 3.5}
"""lerobot's defaults of the limits [m] between which it codes depths."""
MOST_CODE = 4095
LATE_S = 1e-4  # lerobot's tolerance between a frame's time and its video's stamp


class ImageProblem(Exception):
    """An image or a video that cannot be used; the text says why and what is expected."""


def read_colour(cell: Any, root: Path) -> UInt8[np.ndarray, "h w 3"]:
    """The colours of an image cell; transparency is dropped, grey and palette images are spread to three channels.

    Raises:
        ImageProblem: no image, or one of more than 8 bits.
    """
    image = _opened(cell, root)
    if image.mode in (*DEEP, "F"):
        raise ImageProblem(f"a colour image has mode {image.mode}; expected 8 bits a channel")
    return np.asarray(image.convert("RGB"))


def read_depth(cell: Any, root: Path) -> Num[np.ndarray, "h w"]:
    """The depths of an image cell, in its own unit.

    Raises:
        ImageProblem: no image, or not one of 16 bits or of floats.
    """
    image = _opened(cell, root)
    if image.mode not in (*DEEP, "F"):
        raise ImageProblem(f"a depth image has mode {image.mode}; expected one channel of 16 bits")
    return np.asarray(image)


def _opened(cell: Any, root: Path) -> Image.Image:
    """The image in ``cell``, a dict of HF datasets' Image feature: the file's bytes, or its path below ``root``."""
    if not isinstance(cell, dict) or not (cell.get("bytes") or cell.get("path")):
        raise ImageProblem("an image is empty; expected PNG bytes in the parquet file")
    try:
        image = Image.open(io.BytesIO(cell["bytes"]) if cell.get("bytes") else _below(root, cell["path"]))
        image.load()
    except (OSError, UnidentifiedImageError, TypeError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageProblem(f"an image cannot be decoded ({str(error) or type(error).__name__})") from error
    return image


def below(root: Path, path: str) -> Path | None:
    """The file at ``path`` in ``root``, None if it leads out; links stay: the Hub's cache is made of them."""
    file = Path(os.path.normpath(root / path))
    return file if file.is_relative_to(os.path.normpath(root)) else None


def _below(root: Path, path: str) -> Path:
    file = below(root, path)
    if file is None:
        raise ImageProblem(f"an image lies at {path}, outside the data set")
    if not file.is_file():
        raise ImageProblem(f"an image lies at {path}, which is missing")
    return file


def fit_colour(image: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "s s 3"]:
    """``image`` squeezed to ``size`` pixels as the perception node does it; 0 keeps it, which must be square then.

    Raises:
        ImageProblem: it is not.
    """
    return resize_rgb(image, size) if size else _square(image)


def fit_depth(image: UInt16[np.ndarray, "h w"], size: int) -> UInt16[np.ndarray, "s s"]:
    """As ``fit_colour``; depths are never mixed."""
    return resize_depth(image, size) if size else _square(image)


def _square(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    if height != width:
        raise ImageProblem(
            f"images are {width} x {height}; expected square ones, or --image-size to scale them"
        )
    return image


def read_video(path: Path, times_s: Float64[np.ndarray, " n"], pixels: str) -> Iterator[np.ndarray]:
    """The frames of a video shown at ``times_s``, in increasing order, as lerobot finds them: the nearest in time.

    Decoding starts at the key frame before the first, since many episodes share a file. ``pixels`` is the format of
    the arrays: rgb24 (H,W,3) or gray12le (H,W), for ``depth_of_codes``.

    Raises:
        ImageProblem: PyAV is not installed, the file cannot be decoded, or no frame is near enough to a time.
    """
    try:
        import av
    except ImportError as error:
        raise ImageProblem(f"{path.name} is a video, which needs PyAV: pip install av") from error
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            base, rate = float(stream.time_base or 0), float(stream.average_rate or 0)
            if not base or not rate:
                raise ImageProblem(f"{path.name} does not say how fast its frames follow")
            container.seek(max(int((times_s[0] - 1 / rate) / base), 0), stream=stream)
            frames = _nearest(container.decode(stream), times_s, base, 0.5 / rate + LATE_S)
            for time_s, frame in zip(times_s, frames, strict=True):
                if frame is None:
                    raise ImageProblem(f"{path.name} has no frame at {time_s:.3f} s; download it again")
                yield frame.to_ndarray(format=pixels)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise ImageProblem(f"{path.name} cannot be decoded ({str(error).splitlines()[0]})") from error


def depth_of_codes(codes: UInt16[np.ndarray, "h w"], info: Mapping[str, Any]) -> UInt16[np.ndarray, "h w"]:
    """Depths [mm] of the 12-bit codes of lerobot's depth videos; ``info`` is the feature's, with the code's limits.

    The code is linear in log(depth + shift), or in the depth; 0, at and below the least depth, is no measurement here.
    """
    low, high, shift = (float(info.get(f"video.{key}", value)) for key, value in DEPTH_CODE.items())
    share = codes / MOST_CODE
    if info.get("video.use_log", True):
        metres = np.exp(np.log(low + shift) + share * np.log((high + shift) / (low + shift))) - shift
    else:
        metres = low + share * (high - low)
    return np.where(codes > 0, np.round(1000 * metres), 0).clip(0, 65535).astype(np.uint16)


def _nearest(
    frames: Iterator[Any], times_s: Float64[np.ndarray, " n"], base_s: float, near_s: float
) -> Iterator[Any]:
    """Of ``frames``, the nearest to each of the times; None where none is within ``near_s``."""
    before, after = None, next(frames, None)

    def away(frame: Any, time_s: float) -> float:
        return abs((frame.pts or 0) * base_s - time_s) if frame is not None else float("inf")

    for time_s in times_s:
        while after is not None and (after.pts or 0) * base_s < time_s:
            before, after = after, next(frames, None)
        best = min(before, after, key=lambda frame: away(frame, time_s))
        yield best if away(best, time_s) <= near_s else None
