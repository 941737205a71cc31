"""Benchmarks' own processes: started as modules, from any folder."""

from __future__ import annotations

import os
import sys

from benchmarks import ROOT


def command(module: str, *words: object) -> list[str]:
    """The command line of ``python -m module`` with this interpreter; run it with ``environment()``."""
    return [sys.executable, "-m", module, *map(str, words)]


def environment() -> dict[str, str]:
    """This process's environment, in which the package ``benchmarks`` is found from any folder."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
