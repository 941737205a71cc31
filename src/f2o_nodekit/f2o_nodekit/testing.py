"""For tests of every package."""

from __future__ import annotations

from typing import Any

from f2o_nodekit.config import ConfigError, build_config


def problems(cls: type, **values: Any) -> list[str]:
    """What is wrong with a configuration of these ``values``."""
    try:
        build_config(cls, values, "test")
    except ConfigError as error:
        return error.problems
    return []
