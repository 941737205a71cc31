"""Imports pylibfranka on demand: the simulated arm does not need it."""

from __future__ import annotations

from types import ModuleType

from f2o_rt.errors import ArmError


def import_pylibfranka() -> ModuleType:
    """The module.

    Raises:
        ArmError: it is not installed.
    """
    try:
        import pylibfranka
    except ImportError as error:
        text = "arm: pylibfranka is not installed; pip install pylibfranka (FR3), or choose arm: mock"
        raise ArmError("unreachable", text) from error
    return pylibfranka
