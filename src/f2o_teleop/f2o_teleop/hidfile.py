"""HID reports from a file, recorded from a device, or from a named pipe that another program writes.

One report per line: seconds since the beginning, then the bytes in hex; # begins a comment.

    0.000 01 000000000000
    0.012 01 00001e000000
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from f2o_nodekit.stamps import NS_PER_S

from f2o_teleop.errors import ScriptError
from f2o_teleop.spacemouse import HidDevice

Report = tuple[float, bytes]  # [s] since the beginning; report number and content


def load_reports(path: Path) -> list[Report]:
    """The reports of a file, in order of time.

    Raises:
        ScriptError: no such file, no reports in it, a malformed line, or times that decrease.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: not a readable file of HID reports: {error}") from None
    reports: list[Report] = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split(maxsplit=1)
        if words:
            reports.append(_report(words, f"{path}: line {number}", reports))
    if not reports:
        raise ScriptError(f"{path}: expected HID reports, got none")
    return reports


def _report(words: list[str], where: str, before: list[Report]) -> Report:
    try:
        seconds, content = float(words[0]), bytes.fromhex(words[1])
    except (ValueError, IndexError):
        raise ScriptError(f"{where}: expected seconds and bytes in hex, got {' '.join(words)!r}") from None
    if not content or not seconds >= (before[-1][0] if before else 0.0):
        raise ScriptError(
            f"{where}: expected a time not before that of the last report, and at least one byte"
        )
    return seconds, content


class ReplayedHid:
    """An HID device that plays the reports of a file, from the first read on; with ``repeat`` again and again."""

    def __init__(
        self, reports: list[Report], repeat: bool = False, mono_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._reports, self._repeat, self._mono_ns = reports, repeat, mono_ns
        self._next, self._start_mono_ns = 0, 0

    def read(self, max_length: int, timeout_ms: int) -> list[int]:
        """The next report when it is due; nothing after the timeout."""
        if self._start_mono_ns == 0:
            self._start_mono_ns = self._mono_ns()
        if self._next == len(self._reports) and self._repeat:
            self._next, self._start_mono_ns = 0, self._mono_ns()
        if self._next == len(self._reports):
            time.sleep(timeout_ms / 1000)
            return []
        seconds, content = self._reports[self._next]
        wait_s = seconds - (self._mono_ns() - self._start_mono_ns) / NS_PER_S
        if wait_s > timeout_ms / 1000:
            time.sleep(timeout_ms / 1000)
            return []
        time.sleep(max(0.0, wait_s))
        self._next += 1
        return list(content[:max_length])

    def close(self) -> None:
        """Nothing to close."""


class PipedHid:
    """An HID device that reads a named pipe: lines as in a file, whose times do not matter."""

    def __init__(self, path: Path) -> None:
        """Open the pipe; its writer may come later, and may be replaced."""
        # Opened for writing too, so that there is no end of file between two writers.
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""

    def read(self, max_length: int, timeout_ms: int) -> list[int]:
        """The next report, or nothing after the timeout; ValueError for a malformed line."""
        if b"\n" not in self._rest and select.select([self._fd], [], [], timeout_ms / 1000)[0]:
            self._rest += os.read(self._fd, 4096)
        line, found, rest = self._rest.partition(b"\n")
        if not found:
            return []
        self._rest = rest
        words = line.decode().split(maxsplit=1)
        if len(words) != 2:
            raise ValueError(f"expected seconds and bytes in hex, got {line.decode()!r}")
        return list(bytes.fromhex(words[1])[:max_length])

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._fd)


def copy_reports(
    device: HidDevice, write: Callable[[str], object], ended: Callable[[], bool]
) -> Iterator[bytes]:
    """``write`` the device's reports as lines of a file until ``ended``; yields each report."""
    start = time.monotonic()
    while not ended():
        report = bytes(device.read(64, 100))
        if report:
            write(f"{time.monotonic() - start:.4f} {report.hex()}\n")
            yield report
