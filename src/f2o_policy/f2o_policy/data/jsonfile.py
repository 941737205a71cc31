"""JSON files that a reader sees whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_json(path: Path, tree: Any) -> None:
    """Write ``tree`` so that a reader sees the old file or the new one, never half of one."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(tree, indent=1) + "\n")
    os.replace(part, path)


def read_json(path: Path, error: Callable[[str], Exception]) -> dict[str, Any]:
    """The object in ``path``; raises ``error(text)`` where there is none."""
    try:
        tree = json.loads(path.read_text())
    except OSError as cause:
        raise error(f"{path.name} cannot be read ({cause.strerror})") from cause
    except ValueError as cause:
        raise error(f"{path.name} is not JSON") from cause
    if not isinstance(tree, dict):
        raise error(f"{path.name} is not an object")
    return tree
