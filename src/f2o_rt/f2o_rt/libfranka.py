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


def exceptions(module: ModuleType) -> tuple[type[Exception], ...]:
    """Every exception class of ``module`` (pylibfranka).

    They share no base of their own: in 0.21 all but FrankaException itself derive from RuntimeError.
    """
    return tuple(v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Exception))
