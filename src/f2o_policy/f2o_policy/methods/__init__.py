"""One file per method: its loss, its sampler, its options. A file in this folder is discovered by its class's ``name``.

A configuration file has one section per method, with the options of its ``options_class``.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from f2o_nodekit.config import build_config

from f2o_policy.errors import UnknownNameError
from f2o_policy.methods.base import Method


def _found() -> dict[str, type[Method]]:
    """Every concrete method in this folder by its name, in alphabetical order."""
    methods: dict[str, type[Method]] = {}
    for module in pkgutil.iter_modules(__path__):
        for cls in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(cls, type) and issubclass(cls, Method) and "name" in vars(cls):
                methods[cls.name] = cls
    return dict(sorted(methods.items()))


METHODS: dict[str, type[Method]] = _found()


def method_class(name: str) -> type[Method]:
    """The class registered as ``name``.

    Raises:
        UnknownNameError: there is none; the text lists the others.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, list(METHODS))
    return METHODS[name]


def create(name: str, options: dict[str, Any]) -> Method:
    """The method ``name`` with ``options``, as stored in a checkpoint or a configuration file."""
    cls = method_class(name)
    return cls(build_config(cls.options_class, options, f"options of method {name}"))
