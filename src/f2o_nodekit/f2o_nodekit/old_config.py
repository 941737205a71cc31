"""The hand-written parser, for packages whose classes are not pydantic's yet: it goes with the last of them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

C = TypeVar("C")


def check_tree(config: Any, prefix: str = "") -> list[str]:
    """Messages of the ``check`` methods of a configuration and of everything in it."""
    problems = [prefix + message for message in getattr(config, "check", list)()]
    for key, value in _children(config):
        if dataclasses.is_dataclass(value) or isinstance(value, Mapping):
            problems += check_tree(value, f"{prefix}{key}.")
    return problems


def _children(config: Any) -> list[tuple[str, Any]]:
    if isinstance(config, Mapping):
        return list(config.items())
    return [(f.name, getattr(config, f.name)) for f in dataclasses.fields(config)]


def _dataclass(cls: type[C], tree: Mapping[str, Any], prefix: str, problems: list[str]) -> C | None:
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    problems += [
        f"{prefix}{key}: unknown key, expected one of {', '.join(fields)}"
        for key in tree
        if key not in fields
    ]
    values = {}
    for name, field in fields.items():
        if name in tree:
            values[name] = _value(hints[name], tree[name], prefix + name, problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.append(f"{prefix}{name}: missing, expected {_describe(hints[name])}")
    return None if problems else cls(**values)


def _value(hint: Any, value: Any, key: str, problems: list[str]) -> Any:
    """``value`` as the type ``hint`` asks for; appends to ``problems`` where it is something else."""
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _dataclass(hint, value, f"{key}.", problems)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [arg for arg in args if arg is not type(None)]
        return None if value is None and len(inner) < len(args) else _value(inner[0], value, key, problems)
    if origin is dict and isinstance(value, Mapping):
        return {name: _value(args[1], item, f"{key}.{name}", problems) for name, item in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        return _tuple(hint, args, value, key, problems)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and not dataclasses.is_dataclass(hint) and type(value) is hint:
        return value
    problems.append(f"{key}: expected {_describe(hint)}, got {_kind(value)}")
    return None


def _tuple(hint: Any, args: tuple[Any, ...], value: Any, key: str, problems: list[str]) -> tuple[Any, ...]:
    if args[-1] is not Ellipsis and len(args) != len(value):
        problems.append(f"{key}: expected {_describe(hint)}, got {len(value)} items")
        return ()
    hints = [args[0]] * len(value) if args[-1] is Ellipsis else args
    return tuple(
        _value(h, v, f"{key}[{i}]", problems) for i, (h, v) in enumerate(zip(hints, value, strict=True))
    )


_NAMES = {float: "a number", int: "an integer", str: "a text", bool: "true or false", type(None): "nothing"}


def _describe(hint: Any) -> str:
    """A type hint in words."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(arg) for arg in args)
    if origin is tuple:
        many = "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
        return f"{many} ({_describe(args[0])} each)"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "keys and values"
    return _NAMES.get(hint, str(hint))


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "keys and values"
    return "nothing" if value is None else repr(value)
