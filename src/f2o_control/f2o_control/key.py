"""The key of the udp path: a file that bridge and receiver both have, and that nobody else can read."""

from __future__ import annotations

import ipaddress
import os
import secrets
import stat
from pathlib import Path

from f2o_control.errors import KeyFileError

KEY_BYTES = 32
OTHERS = stat.S_IRWXG | stat.S_IRWXO
MAKE = "python -m f2o_rt key FILE"


def make_key(path: Path) -> None:
    """Write a new random key to ``path``, as 64 hexadecimal digits, which only its owner can read.

    Raises:
        KeyFileError: there is a file already, or it cannot be written.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as stream:
            stream.write(secrets.token_hex(KEY_BYTES) + "\n")
    except OSError as error:
        raise KeyFileError(f"key: {path}: {error.strerror}; expected the path of a new file") from error


def read_key(path: Path) -> bytes:
    """The key in ``path``, 32 bytes.

    Raises:
        KeyFileError: it cannot be read, others can read it, or it is not a key.
    """
    try:
        with path.open() as stream:
            mode = os.fstat(stream.fileno()).st_mode
            text = stream.read(2 * KEY_BYTES + 2).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text"
        raise KeyFileError(f"key: {path}: {why}; expected a file that {MAKE} wrote") from error
    if mode & OTHERS:
        raise KeyFileError(f"key: {path}: others can read it; expected mode 600, got {mode & 0o777:o}")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"key: {path}: expected {2 * KEY_BYTES} hexadecimal digits, as {MAKE} writes")
    return key


def key_for(path: str, address: str) -> bytes:
    """The key in ``path``; b"" where there is none, and ``address`` is not beyond this machine.

    Raises:
        KeyFileError: none, and anybody could be at the other end; or as ``read_key``.
    """
    if path:
        return read_key(Path(path))
    if is_loopback(address):
        return b""
    raise KeyFileError(f"key: {address} is not this machine; expected a file that {MAKE} wrote, on both PCs")


def is_loopback(address: str) -> bool:
    """Whether ``address`` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
