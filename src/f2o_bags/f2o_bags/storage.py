"""What the files of all bags have in common, and decompression of what rosbag2 compressed (files and messages)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from f2o_bags.errors import BagError
from f2o_bags.writer import BagTopic

READ_BYTES = 1 << 20
ZSTD = ".zstd"  # what rosbag2 appends to the name of a file that it compressed
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no CDR begins so: its second byte is below 16


@dataclass(frozen=True)
class Contents:
    """Contents of one file."""

    topics: dict[str, BagTopic]
    counts: dict[str, int]  # topic -> messages
    first_ros_ns: int  # reception of the first message and of the last; 0 without any
    last_ros_ns: int
    labels: dict[str, str]
    complete: bool  # not truncated: it has the end that its writer gives it


@contextlib.contextmanager
def opened(path: Path) -> Generator[IO[bytes], None, None]:
    """Open a file for reading, decompressed into a temporary one where rosbag2 compressed it.

    Raises:
        BagError: it cannot be opened or decompressed.
    """
    try:
        with contextlib.ExitStack() as stack:
            stream: IO[bytes] = stack.enter_context(path.open("rb", READ_BYTES))
            if path.suffix == ZSTD:
                stream = _decompress_file(stream, stack.enter_context(tempfile.TemporaryFile()))
            yield stream
    except OSError as error:
        raise BagError(f"{path}: cannot be read ({error.strerror or error})") from error
    except zstandard.ZstdError as error:
        raise BagError(f"{path}: cannot be decompressed ({error})") from error


def _decompress_file(stream: IO[bytes], plain_file: IO[bytes]) -> IO[bytes]:
    shutil.copyfileobj(zstandard.ZstdDecompressor().stream_reader(stream), plain_file, READ_BYTES)
    plain_file.seek(0)
    return plain_file


def decompressed(data: bytes) -> bytes:
    """A message, decompressed if rosbag2 compressed it (compression_mode: MESSAGE)."""
    return zstandard.decompress(data) if data[:4] == ZSTD_MAGIC else data
