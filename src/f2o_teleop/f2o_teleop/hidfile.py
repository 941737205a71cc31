"""HID reports in a file: recorded from a device, played back as one; or from a pipe, as another program writes them.

A line a report: seconds since the beginning, then the bytes in hex; # begins a comment.

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
from f2o_teleop.spacemouse import Device

Report = tuple[float, bytes]  # [s] since the beginning, and number and content


def load_reports(path: Path) -> list[Report]:
    """The reports of a file, in order of time.

    Raises:
        ScriptError: no such file, a line that is no report, or times that go back.
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
        raise ScriptError(f"{where}: expected a time not before the last one's, and at least one byte")
    return seconds, content


class ReplayedDevice:
    """Reports of a file as a device says them, again and again; the time of the first read is their beginning."""

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
        """Nothing to let go of."""


class PipedDevice:
    """Reports of a named pipe: a line each, as in a file; they count when they come, whatever time they name."""

    def __init__(self, path: Path) -> None:
        """Opens the pipe; the writer may come later, and go and come again."""
        self._fd = os.open(
            path, os.O_RDWR | os.O_NONBLOCK
        )  # as a writer too: no end of file between two writers
        self._rest = b""

    def read(self, max_length: int, timeout_ms: int) -> list[int]:
        """The next report, or nothing after the timeout; ValueError for a line that is none."""
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
    device: Device, write: Callable[[str], object], ended: Callable[[], bool]
) -> Iterator[bytes]:
    """``write`` what a device says as lines of a file until ``ended``; yields each report."""
    start = time.monotonic()
    while not ended():
        report = bytes(device.read(64, 100))
        if report:
            write(f"{time.monotonic() - start:.4f} {report.hex()}\n")
            yield report
