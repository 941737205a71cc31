"""What the files of all bags have in common, and decompression of what rosbag2 compressed (files and messages)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import lz4.frame
import yaml
import zstandard

from f2o_bags.errors import BagError
from f2o_bags.writer import BagTopic, QosProfile

READ_BYTES = 1 << 20
COMPRESSED = (".zstd", ".zst", ".lz4")  # what rosbag2 and the compressors' own tools append to a file's name
ZSTD_MAGIC, LZ4_MAGIC = b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"  # no CDR begins so: its first byte is 0


@dataclass(frozen=True)
class Contents:
    """Contents of one file."""

    topics: dict[str, BagTopic]  # without that of the labels
    counts: dict[str, int]  # topic -> messages
    first_ros_ns: int  # reception of the first message and of the last; 0 without any
    last_ros_ns: int
    labels: dict[str, str]
    set_back_ns: int  # by how much the time of reception falls from one message of a topic to its next
    complete: bool  # not truncated: it has the end that its writer gives it


@contextlib.contextmanager
def opened(path: Path) -> Generator[IO[bytes], None, None]:
    """Open a file for reading, decompressed into a temporary one where its bytes are zstd's or lz4's.

    The bytes tell, and not the name: a file that was decompressed may keep its name, or a compressed one lose it.

    Raises:
        BagError: it cannot be opened or decompressed.
    """
    try:
        with contextlib.ExitStack() as stack:
            stream: IO[bytes] = stack.enter_context(path.open("rb", READ_BYTES))
            magic = stream.read(4)
            stream.seek(0)
            if magic in (ZSTD_MAGIC, LZ4_MAGIC):
                stream = _decompress_file(stream, magic, stack.enter_context(tempfile.TemporaryFile()))
            yield stream
    except OSError as error:
        raise BagError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (zstandard.ZstdError, RuntimeError) as error:  # RuntimeError: what lz4 raises
        raise BagError(f"{path}: cannot be decompressed ({error})") from error


def _decompress_file(stream: IO[bytes], magic: bytes, plain_file: IO[bytes]) -> IO[bytes]:
    """What can be decompressed of a file, which may be cut off."""
    reader: Any = (
        zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        if magic == ZSTD_MAGIC
        else lz4.frame.LZ4FrameFile(stream)
    )
    with contextlib.suppress(EOFError):  # from lz4: the file ends before its stream does
        shutil.copyfileobj(reader, plain_file, READ_BYTES)
    plain_file.seek(0)
    return plain_file


def decompressed(data: bytes) -> bytes:
    """A message, decompressed if rosbag2 compressed it (compression_mode: MESSAGE).

    One that cannot be is passed on as it is: it is then no message of its type, and dropped as such.
    """
    try:
        if data[:4] == ZSTD_MAGIC:
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
        if data[:4] == LZ4_MAGIC:
            return bytes(lz4.frame.decompress(data))
    except (zstandard.ZstdError, RuntimeError):
        return data
    return data


def offered_qos(text: str) -> tuple[QosProfile, ...]:
    """QoS profiles as rosbag2 stores them with a topic, as YAML; none where it is not."""
    try:
        profiles = yaml.safe_load(text) or []
    except yaml.YAMLError:
        return ()
    return tuple(p for p in profiles if isinstance(p, dict)) if isinstance(profiles, list) else ()
