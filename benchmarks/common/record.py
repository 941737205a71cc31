"""A result as it is kept: the numbers, and which command made them, on what, of which commit, when."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from f2o_nodekit.provenance import origin
from f2o_policy.data.files import write_json

from benchmarks import ROOT


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write ``result`` to a JSON file, with ``made`` in front; the file is whole or not there.

    Raises:
        FullDiskError: it could not be written.
    """
    write_json(path, {"made": None} | result | {"made": made()})


def made() -> dict[str, str]:
    """This process's command line, machine, commit (with -dirty where files differ from it) and date (UTC)."""
    return {
        **origin(),
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "commit": _git("describe", "--always", "--dirty", "--exclude=*"),
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "not recorded"
