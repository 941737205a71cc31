"""One file a method: its loss, its sampler, its options. Registered here by name."""

from __future__ import annotations

from typing import Any

from f2o_nodekit.config import build_config

from f2o_policy.errors import UnknownNameError
from f2o_policy.methods.base import Method
from f2o_policy.methods.cfm import Cfm
from f2o_policy.methods.imle import Imle
from f2o_policy.methods.mse import Mse

METHODS: dict[str, type[Method]] = {cls.name: cls for cls in (Cfm, Imle, Mse)}


def method_class(name: str) -> type[Method]:
    """The class registered as ``name``; UnknownNameError lists the others."""
    if name not in METHODS:
        raise UnknownNameError("method", name, list(METHODS))
    return METHODS[name]


def create(name: str, options: dict[str, Any]) -> Method:
    """A method from its name and options, as a checkpoint or a configuration file has them."""
    cls = method_class(name)
    return cls(build_config(cls.options_class, options, f"options of method {name}"))
