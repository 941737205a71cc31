"""What a result must say of its origin: the code, the command, the machine and the date."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def code_sha256(packages: Sequence[str]) -> str:
    """SHA-256 over the names and contents of all Python files of ``packages``, wherever they are installed.

    Raises:
        ModuleNotFoundError: one of them is not installed.
    """
    return _code_sha256(tuple(sorted(packages)))


@cache
def _code_sha256(packages: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for package in packages:
        folder = _folder(package)
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{file.relative_to(folder).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"package {package}: not installed, so its code has no hash")
    return Path(spec.origin).parent


def other_code(before: str, now: str) -> str:
    """Why what was begun with the code ``before`` cannot go on with ``now``, to end a sentence; empty if it can."""
    if before == now:
        return ""
    return (
        f"was begun with other code (sha256 {before[:12] or 'unknown'}, now {now[:12]}): results of both are not "
        "comparable; use another name, or the code it was begun with"
    )


def origin() -> dict[str, str]:
    """Command, machine and date (UTC) of a result that this process writes now."""
    program = Path(sys.argv[0])
    name = [program.name] if program.name != "__main__.py" else ["python", "-m", program.parent.name]
    return {
        "command": shlex.join([*name, *sys.argv[1:]]),
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def machine() -> str:
    """Processors that this process may use, their name, and the load of the last minute."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(names, platform.processor() or platform.machine())
    return f"{len(os.sched_getaffinity(0))} cores of {name}, load average {os.getloadavg()[0]:.1f}"
