"""One node as a process: found, started, its output read, signalled."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable

from f2o_nodekit.paths import package_prefix

from f2o_bringup.errors import ExecutableError
from f2o_bringup.specs import NodeSpec

# SIGINT is ignored until the node handles it: Ctrl-C while Python still imports must not print a traceback.
WRAPPER = "trap '' INT; exec \"$@\""


def bound_to_parent() -> list[str]:
    """Prefix of a command line that terminates the process when the thread that started it dies.

    Even by SIGKILL: an arm must not keep moving unattended. Empty where ``setpriv`` (util-linux) is not installed.
    """
    return ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []


def find_executable(package: str, executable: str) -> str:
    """Path of an executable as ``ros2 run`` finds it.

    Raises:
        ExecutableError: it is not there.
    """
    path = package_prefix(package) / "lib" / package / executable
    if not os.access(path, os.X_OK):
        raise ExecutableError(f"{package}/{executable}: not installed; run colcon build and source env.sh")
    return str(path)


def command_of(spec: NodeSpec) -> list[str]:
    """The command line of a node.

    Raises:
        ExecutableError: it is not installed.
    """
    # JSON is YAML: texts stay texts, whatever they look like
    parameters = [arg for k, v in spec.parameters.items() for arg in ("-p", f"{k}:={json.dumps(v)}")]
    path = find_executable(spec.package, spec.executable)
    place = ["-r", f"__ns:=/{spec.namespace}"] if spec.namespace else []
    return [path, *spec.args, "--ros-args", "-r", f"__node:={spec.name}", *place, *parameters]


class NodeProcess:
    """One node of a running graph; ``write`` gets its output line by line, prefixed with its name."""

    def __init__(self, spec: NodeSpec, command: list[str], write: Callable[[str], None]) -> None:
        self.spec, self._command, self._write = spec, command, write
        self.last_line = ""
        self._ended_s: float | None = None
        self._start()

    def _start(self) -> None:
        added = {
            name: value for name, value in self.spec.env.items() if isinstance(value, str)
        }  # resolved: all
        self.popen = subprocess.Popen(
            ["/bin/sh", "-c", WRAPPER, "sh", *bound_to_parent(), *self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **added, "PYTHONUNBUFFERED": "1"},
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches only the launcher
        )
        self._reader = threading.Thread(target=self._read, args=(self.popen,), daemon=True)
        self._reader.start()

    def _read(self, popen: subprocess.Popen[str]) -> None:
        assert popen.stdout is not None  # a pipe
        with popen.stdout as lines:
            for line in lines:
                self.last_line = line.strip() or self.last_line
                self._write(f"[{self.spec.name}] {line.rstrip()}")

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs."""
        return self.popen.poll()

    def restart_if_due(self, now_s: float) -> None:
        """Start it again ``respawn_s`` after its end."""
        if self.spec.respawn_s is None or self.status is None:
            return
        self._ended_s = now_s if self._ended_s is None else self._ended_s
        if now_s - self._ended_s >= self.spec.respawn_s:
            self._ended_s = None
            self._start()

    def signal(self, number: int) -> None:
        """Send ``number`` to the process and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def finish(self) -> None:
        """Wait for the rest of its output."""
        self._reader.join(timeout=0.5)
