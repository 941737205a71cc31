"""Whether the middleware of this process still hears anybody: a check of Fast DDS's shared memory.

A process receives through files that others open by name. When a process was killed or stood still, those that send to
it, and the next one that takes its place, replace such a file at the same time; now and then one of them goes on
listening to a file that has been removed (eProsima Fast DDS 2.14 and 3.2: names and locks are removed and made again
without a common lock). It sends as ever, is seen by everybody, and never hears from them again.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from f2o_nodekit.errors import F2oError

OWN = Path("/proc/self")
LOCK = re.compile(r"/(fast(?:dds|rtps)_port\d+)_el$")  # which only the process holds that receives there


class DeafError(F2oError):
    """This process receives through a file that nobody can open any more; a new one would hear."""


def deaf_ports(process: Path = OWN) -> list[str]:
    """The files in shared memory through which a process receives, and which nobody else can open any more.

    ``process``: its folder in /proc. Empty, too, for other middleware and other systems.
    """
    try:
        ports = {match[1] for path in _open_files(process / "fd") if (match := LOCK.search(path))}
        maps = (process / "maps").read_bytes() if ports else b""
    except OSError:
        return []
    return sorted(port for port in ports if _is_replaced(port.encode(), maps))


def _open_files(folder: Path) -> Iterable[str]:
    for name in os.listdir(folder):
        try:
            yield os.readlink(folder / name)
        except OSError:  # closed since
            continue


def _is_replaced(port: bytes, maps: bytes) -> bool:
    return b"/%s (deleted)\n" % port in maps and b"/%s\n" % port not in maps


class Hearing:
    """Looks again and again, because a file may be missing for a moment.

    Args:
        process: its folder in /proc.
        patience: looks in a row that must find the same file replaced.
    """

    def __init__(self, process: Path = OWN, patience: int = 3) -> None:
        self._process, self._patience = process, patience
        self._found: dict[str, int] = {}

    def look(self) -> None:
        """Look once.

        Raises:
            DeafError: this process does not hear any more.
        """
        self._found = {port: self._found.get(port, 0) + 1 for port in deaf_ports(self._process)}
        if deaf := [port for port, times in self._found.items() if times >= self._patience]:
            raise DeafError(
                f"/dev/shm/{deaf[0]} was replaced by another process: nothing that is sent there arrives"
            )


def start_anew() -> None:
    """Replace this process by a new one with the same command line, environment and process id.

    Raises:
        OSError: the system refuses.
    """
    for name in os.listdir(OWN / "fd"):  # of the middleware: its locks would stay
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                continue
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # the middleware's threads would inherit it
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
